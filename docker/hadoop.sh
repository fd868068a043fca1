#!/usr/bin/env bash
# Start one Hadoop server in the foreground; formats a NameNode that has never run.
set -euo pipefail

case "${1:-}" in
    namenode) main=org.apache.hadoop.hdfs.server.namenode.NameNode heap=384m ;;
    datanode) main=org.apache.hadoop.hdfs.server.datanode.DataNode heap=256m ;;
    resourcemanager) main=org.apache.hadoop.yarn.server.resourcemanager.ResourceManager heap=384m ;;
    nodemanager) main=org.apache.hadoop.yarn.server.nodemanager.NodeManager heap=256m ;;
    *)
        echo "hadoop.sh: '${1:-}' is no server; give namenode, datanode, resourcemanager or nodemanager" >&2
        exit 2
        ;;
esac

java=(
    "$JAVA_HOME/bin/java" "-Xmx$heap" -Xms64m -XX:+UseSerialGC -Djava.net.preferIPv4Stack=true
    --add-opens=java.base/java.lang=ALL-UNNAMED
    -cp "$HADOOP_CONF_DIR:/opt/soh/web:/opt/soh/.venv/jars/hadoop/*"
)

if [ "$1" = namenode ] && [ ! -f /var/lib/soh/namenode/current/VERSION ]; then
    "${java[@]}" "$main" -format -nonInteractive
fi
exec "${java[@]}" "$main"
