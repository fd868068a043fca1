# Two images of one system: `airflow` (every part of Airflow, the set-up, the fleets) and `hadoop` (HDFS, YARN, S3
# and what the Spark apps run on). The folders are those of a checkout, so the library finds its environments by itself.

FROM maven:3.9-eclipse-temurin-17 AS jars
COPY include/soh/local/maven /poms
RUN mvn -B -q -ntp -f /poms/hadoop/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=/jars/hadoop \
    && mvn -B -q -ntp -f /poms/s3/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=/jars/s3 \
    && mvn -B -q -ntp -f /poms/spark/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=/jars/spark

FROM python:3.11-slim-bookworm AS base
# Debian keeps only the newest build of a package, so a pinned version would stop to build within weeks.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl libgomp1 openjdk-17-jre-headless procps \
    && rm -rf /var/lib/apt/lists/* \
    && ln -s "/usr/lib/jvm/java-17-openjdk-$(dpkg --print-architecture)" /usr/lib/jvm/java-17 \
    && useradd --uid 1000 --create-home soh \
    # A named volume takes over the owner of the folder that it is mounted on.
    && install --directory --owner soh --group soh /var/lib/soh /opt/airflow /opt/airflow/logs
ENV HADOOP_CONF_DIR=/opt/soh/docker/hadoop \
    HADOOP_USER_NAME=soh \
    JAVA_HOME=/usr/lib/jvm/java-17

FROM base AS environments
RUN pip install --no-cache-dir uv==0.13.9
COPY requirements.txt /locks/airflow.txt
COPY spark_apps/requirements.txt /locks/spark.txt
# --no-deps: the locks are complete, and what they leave out on purpose stays out.
RUN for name in airflow spark; do \
        uv venv --quiet --python /usr/local/bin/python3 "/opt/soh/.venv/$name" \
        && uv pip install --no-cache --compile-bytecode --no-deps \
            --python "/opt/soh/.venv/$name/bin/python" --requirement "/locks/$name.txt" \
        || exit 1; \
    done

FROM base AS hadoop
COPY --from=environments /opt/soh/.venv/spark /opt/soh/.venv/spark
COPY --from=jars /jars /opt/soh/.venv/jars
# The jars lack the web folders that the HTTP servers insist on.
RUN for name in hdfs datanode cluster node; do mkdir -p "/opt/soh/web/webapps/$name/WEB-INF"; done
COPY docker /opt/soh/docker
USER 1000:1000
WORKDIR /var/lib/soh
ENTRYPOINT ["/opt/soh/docker/hadoop.sh"]

FROM base AS airflow
COPY --from=environments /opt/soh/.venv/airflow /opt/soh/.venv/airflow
COPY --from=jars /jars/spark /opt/soh/.venv/jars/spark
COPY docker /opt/soh/docker
COPY plugins /opt/soh/plugins
COPY dags /opt/soh/dags
COPY spark_apps /opt/soh/spark_apps
COPY include /opt/soh/include
ENV AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/soh/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/soh/plugins \
    PATH=/opt/soh/.venv/airflow/bin:/usr/lib/jvm/java-17/bin:/usr/local/bin:/usr/bin:/bin \
    # spark-submit takes this Python to find its own home.
    PYSPARK_PYTHON=/opt/soh/.venv/airflow/bin/python \
    PYTHONPATH=/opt/soh/include \
    PYTHONUNBUFFERED=1 \
    SPARK_SUBMIT_OPTS="-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
USER 1000:1000
WORKDIR /opt/airflow
