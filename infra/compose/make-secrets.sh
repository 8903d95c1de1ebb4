#!/bin/sh
# Makes the secrets of stores.yaml that are this machine's own, where they are not there yet. Kafka's are copied beside them: see README.md.
# The folder is closed to everybody else; the files within are readable, because each container reads its own as a user of its own.
set -eu
dir=${1:-$(dirname "$0")/secrets}
mkdir -p "$dir/hub" "$dir/grafana"
chmod 700 "$dir"
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
for name in influx-admin.password influx-admin.token mongo.password grafana-admin.password; do
  [ -s "$dir/$name" ] || random >"$dir/$name"
done
[ -s "$dir/mongo.properties" ] ||
  printf 'uri=mongodb://headwater:%s@mongodb:27017/?authSource=admin\n' "$(cat "$dir/mongo.password")" >"$dir/mongo.properties"
chmod 644 "$dir"/*.password "$dir"/*.token "$dir"/*.properties
for name in kafka-ca.pem connect.password; do
  [ -s "$dir/$name" ] || echo "now put $name of your Kafka cluster into $dir" >&2
done
