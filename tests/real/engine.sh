#!/bin/bash
# A real Docker engine of our own, beside any other: its own data, socket, containerd namespace and bridge; no firewall
# rules; no NVIDIA toolkit. Needs root, and Debian's docker.io and iproute2.
#   engine.sh start ROOT [dockerd flags]   prints the DOCKER_HOST to export
#   engine.sh restart ROOT [dockerd flags] ends the daemon and starts another on the same data
#   engine.sh stop ROOT                    stops it; ROOT can be removed then
set -euo pipefail
verb=${1:?start, restart or stop}
mkdir -p "${2:?a folder}"
root=$(cd "$2" && pwd)
shift 2

serve() {
  local bridge
  bridge=$(cat "$root/bridge")
  echo '{}' > "$root/daemon.json" # not the machine's /etc/docker/daemon.json
  nohup dockerd --config-file "$root/daemon.json" --data-root "$root/data" --exec-root "$root/exec" \
    --pidfile "$root/dockerd.pid" --host "unix://$root/docker.sock" --containerd-namespace "$bridge" \
    --containerd-plugins-namespace "$bridge-plugins" --bridge "$bridge" --iptables=false --ip6tables=false \
    --ip-forward=false "$@" >> "$root/dockerd.log" 2>&1 < /dev/null &
  for _ in $(seq 300); do
    if curl --silent --fail --unix-socket "$root/docker.sock" http://engine/_ping > /dev/null 2>&1; then
      echo "unix://$root/docker.sock"
      return
    fi
    sleep 0.1
  done
  tail -n 20 "$root/dockerd.log" >&2
  exit 1
}

end() {
  local pid
  if pid=$(cat "$root/dockerd.pid" 2> /dev/null) && kill "$pid" 2> /dev/null; then
    for _ in $(seq 300); do
      kill -0 "$pid" 2> /dev/null || break
      sleep 0.1
    done
  fi
}

case $verb in
start)
  for _ in $(seq 100); do # the first number that no other engine here has
    number=$((SRANDOM % 250))
    bridge=nemotui$number
    ip link add "$bridge" type bridge 2> /dev/null && break
  done
  echo "$bridge" > "$root/bridge"
  ip address add "10.213.$number.1/24" dev "$bridge"
  ip link set "$bridge" up
  serve "$@"
  ;;
restart)
  end
  serve "$@"
  ;;
stop)
  end
  ip link delete "$(cat "$root/bridge")" 2> /dev/null || true
  ;;
*)
  echo "start, restart or stop, not $verb" >&2
  exit 2
  ;;
esac
