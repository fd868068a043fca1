"""Addresses at which nobody answers, for what is told where the servers are and asks none of them."""

from soh.settings import Endpoints, Secrets

ENDPOINTS = Endpoints(
    kafka="127.0.0.1:1,127.0.0.1:2,127.0.0.1:3",
    webhdfs="http://127.0.0.1:4",
    hdfs="hdfs://127.0.0.1:8020",
    hdfs_user="somebody",
    yarn="http://127.0.0.1:5",
    catalog_host="127.0.0.1",
    catalog_port=6,
    catalog_database="lake_catalog",
    catalog_user="lake",
    airflow="http://127.0.0.1:7",
    registry_host="127.0.0.1",
    registry_port=6,
    registry_database="model_registry",
    registry_user="models",
    s3="http://127.0.0.1:8",
    models="s3://soh-models",
    lake_bucket="s3://lake",
    tsdb="http://127.0.0.1:9",
    tsdb_database="soh",
)
SECRETS = Secrets(
    catalog_password="catalog-$ecret",
    registry_password="registry-$ecret",
    s3_access_key="s3-acce$$-key",
    s3_secret_key="s3-$ecret-key",
)
