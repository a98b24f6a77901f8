"""The browser tests need Selenium, which a run that leaves them out must not even import."""


def pytest_ignore_collect(config):
    is_asked_for = "browser" in config.option.markexpr.replace("not browser", "")
    return None if is_asked_for else True
