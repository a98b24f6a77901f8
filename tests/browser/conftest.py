"""The browser tests need Selenium, which a run that leaves them out must not even import."""


def pytest_ignore_collect(config):
    return True if config.option.markexpr == "not browser" else None
