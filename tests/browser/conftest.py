"""The browser tests need Selenium, which a run that leaves them out must not even import."""


def pytest_ignore_collect(config):
    return True if "not browser" in config.option.markexpr else None
