"""Homes whose database is a copy of one that was made once: its migrations take longer than most tests."""

import shutil

import pytest
from record_servers import mlflow_server, postgres, postgres_binaries

from talkie.experiments import Home
from talkie.experiments.tracking import client


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    home = Home.at(tmp_path_factory.mktemp("template"))
    client(home)
    return home.path / "mlflow.db"


@pytest.fixture(scope="session")
def new_home(empty_database):
    """Makes a home in a folder."""

    def make(folder):
        folder.mkdir(parents=True)
        shutil.copy(empty_database, folder / "mlflow.db")
        return Home.at(folder)

    return make


@pytest.fixture(scope="session")
def postgres_server():
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    pytest.importorskip("psycopg2", reason="no driver: pip install 'talkie[postgres]'")
    with postgres(binaries) as server:
        yield server


@pytest.fixture(scope="session")
def http_server(tmp_path_factory, empty_database):
    with mlflow_server(tmp_path_factory.mktemp("mlflow"), empty_database) as server:
        yield server
