#!/bin/sh
# Metrics beside Prometheus: promtool, a real scrape, the strict parser of prometheus-client, alert rules.
exec python3 "$(dirname "$0")/lib/prometheus.py"
