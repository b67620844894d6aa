-- One database for each server; the store of facts may use the third (ingest's Postgres URL).
CREATE DATABASE prefect;
CREATE DATABASE mlflow;
CREATE DATABASE ledgerline_facts;
