#!/usr/bin/env bash
# Start the object store in the foreground, with the keys that it is given as secrets.
set -euo pipefail

umask 077
mkdir -p /var/lib/soh/s3
cat >/tmp/s3proxy.properties <<EOF
s3proxy.endpoint=http://0.0.0.0:9000
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity=$(cat /run/secrets/s3_access_key)
s3proxy.credential=$(cat /run/secrets/s3_secret_key)
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir=/var/lib/soh/s3
EOF
exec "$JAVA_HOME/bin/java" -Xmx192m -Xms64m -XX:+UseSerialGC -Djava.net.preferIPv4Stack=true -DLOG_LEVEL=warn \
    -cp "/opt/soh/.venv/jars/s3/*" org.gaul.s3proxy.Main --properties /tmp/s3proxy.properties
