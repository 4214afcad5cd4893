#!/usr/bin/env bash
# The DMZ example on one machine, in network namespaces that are gone afterwards: an internet, a DMZ, a hospital's inside, and the firewall
# between them. The roles run as on three hosts; a message goes the whole way; then the split is tried from where an intruder would stand.
#
#     sudo deploy/netns.sh        about a minute; needs ip, ss, nft, openssl, curl, jq
set -euo pipefail
source "$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")/script/env.sh"

[ "$(id -u)" = 0 ] || die "network namespaces are made by root: sudo deploy/netns.sh"
for tool in ip ss nft openssl curl jq; do command -v "$tool" >/dev/null || die "$tool is missing (Debian: iproute2, nftables, openssl, curl, jq)."; done

out=cl-internet fw=cl-firewall dmz=cl-dmz in=cl-inside
wecom=203.0.113.10 edge=10.9.0.2 inside=10.1.0.10
sim=http://$wecom:8099 public=http://$edge:8080
account=wkSimulatedChildrensHospital01
work=$(mktemp -d /tmp/careloop-netns.XXXXXX)
chmod 755 "$work"
pids=()

cleanup() {
  code=$?
  if [ "$code" != 0 ]; then tail -n 5 "$work"/*.log >&2 || true; fi
  if [ "${#pids[@]}" -gt 0 ]; then kill "${pids[@]}" 2>/dev/null || true; wait "${pids[@]}" 2>/dev/null || true; fi
  if [ -f "$work/postgres/postmaster.pid" ]; then as_postgres pg_ctl -D "$work/postgres" -m immediate stop >/dev/null || true; fi
  for space in $out $fw $dmz $in; do ip netns del "$space" 2>/dev/null || true; done
  rm -rf "$work"
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

at() { ip netns exec "$1" "${@:2}"; }
ok() { printf 'ok   %s\n' "$*"; }
fail() { die "FAILED: $*"; }
wait_for() { # seconds, what is waited for, command …
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt "$until" ] || fail "$what"
    sleep 0.2
  done
}

# A role on its host, with nothing in its environment but what is given.
role() { # namespace, name, VARIABLE=value … -- arguments of careloop
  local space=$1 name=$2 settings=()
  shift 2
  while [ "$1" != -- ]; do
    settings+=("CARELOOP_$1")
    shift
  done
  # Not through at(): the number must be the role's own, for its kill and for a look at what it holds.
  ip netns exec "$space" env -i PATH="$PATH" "${settings[@]}" CARELOOP_LOG_LEVEL=info "$python" -m bot "${@:2}" >>"$work/$name.log" 2>&1 &
  pids+=($!)
  eval "pid_${name//-/_}=$!"
}
killed() { { kill -9 "$1" && wait "$1"; } 2>/dev/null || true; }

say "three networks and a firewall"
for space in $out $fw $dmz $in; do
  ip netns add "$space"
  at "$space" ip link set lo up
done
join() { # namespace, device in the firewall, firewall's address, host's address
  ip link add "$2" netns $fw type veth peer name eth0 netns "$1"
  at $fw ip addr add "$3/24" dev "$2"
  at $fw ip link set "$2" up
  at "$1" ip addr add "$4/24" dev eth0
  at "$1" ip link set eth0 up
  at "$1" ip route add default via "$3"
}
join $out wan 203.0.113.1 $wecom
join $dmz dmz 10.9.0.1 $edge
join $in lan 10.1.0.1 $inside
at $fw sysctl -qw net.ipv4.ip_forward=1
# Nothing begins in the DMZ, and nothing begun outside gets further than to it.
at $fw nft -f - <<'RULES'
table inet hospital {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "wan" oifname "dmz" tcp dport 8080 accept comment "the internet to the edge"
    iifname "lan" oifname "dmz" tcp dport 8443 accept comment "the inside dials the edge"
    iifname "lan" oifname "wan" tcp dport 8099 accept comment "the inside calls WeCom's API"
  }
}
RULES

say "inside: PostgreSQL, open to whoever reaches it, so that the network alone is tried"
bin=$("$python" - "$work" <<'PY'
import sys
from pathlib import Path
from records.embedded import EmbeddedServer, programs
server = EmbeddedServer(Path(sys.argv[1]) / "postgres")
server.ensure()
server.stop()
print(programs())
PY
)
as_postgres() { setpriv --reuid=pgserver --regid=pgserver --clear-groups "$bin/$1" "${@:2}"; }
echo "host all all 0.0.0.0/0 trust" >>"$work/postgres/pg_hba.conf"
at $in setpriv --reuid=pgserver --regid=pgserver --clear-groups \
  "$bin/pg_ctl" -w -D "$work/postgres" -l "$work/postgres/log" -o "-h $inside -p 5432 -k $work/postgres" start >/dev/null
database="DATABASE_URL=postgresql://postgres@$inside:5432/postgres"
key="2026a:$(openssl rand -hex 32)"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=edge -addext "subjectAltName=IP:$edge" \
  -keyout "$work/edge.key" -out "$work/edge.crt" 2>/dev/null
corp=(WECOM__CORP_ID=wwsimulatedcorp01 WECOM__AGENT_ID=1000002 WECOM__BASE_URL=$sim WECOM__SECRET=simulator-app-secret # pragma: allowlist secret
  WECOM__CALLBACK_TOKEN=SimulatorToken WECOM__CALLBACK_AES_KEY=SandboxOnlySandboxOnlySandboxOnlySandboxOnA)            # pragma: allowlist secret

role $in migrate "$database" -- migrate
wait "$pid_migrate" || fail "migrations"
role $in staff "$database" -- staff linyue 林悦 --team 新生儿随访组 --tier 1
wait "$pid_staff" || fail "a nurse on file"
pids=()

say "the roles, each on its host"
ip netns exec $out "$python" -m integrations.wecom.simulator --host $wecom --callback $public/wecom/callback >"$work/simulator.log" 2>&1 &
pids+=($!)
role $dmz edge DATA_DIR="$work/edge" HOST=$edge PORT=8080 EDGE__LINK_HOST=$edge EDGE__TLS_CERT="$work/edge.crt" EDGE__TLS_KEY="$work/edge.key" \
  EDGE__KEYS="$key" EDGE__WECOM_TOKEN=SimulatorToken -- edge
inner=("$database" DATA_DIR="$work/data" MIGRATE=false EDGE_LINK__KEY="$key" "${corp[@]}")
role $in gateway "${inner[@]}" PORT=8080 -- gateway
role $in web "${inner[@]}" PORT=8081 -- web
role $in worker "${inner[@]}" -- worker --no-dialogue
link() {
  role $in edge-link EDGE_LINK__URLS="[\"wss://$edge:8443/link\"]" EDGE_LINK__KEY="$key" EDGE_LINK__CA="$work/edge.crt" \
    EDGE_LINK__GATEWAY=http://127.0.0.1:8080 EDGE_LINK__WEB=http://127.0.0.1:8081 -- edge-link
}
link
health() { at $dmz curl -fsk "https://$edge:8443/healthz"; }
lines() { [ "$(health | jq .lines)" = "$1" ]; }
wait_for 60 "the gateway" at $in curl -fs http://127.0.0.1:8080/healthz
wait_for 60 "the pages" at $in curl -fs http://127.0.0.1:8081/healthz
wait_for 60 "two lines from inside to the edge" lines 2
ok "the inside dialled the edge: $(health)"

control() { at $out curl -fsS "$@"; }
control $sim/sim/callback/verify -d '{}' >/dev/null || fail "WeCom's check of the callback address"
ok "WeCom's check of the callback address is answered by the gateway, through the edge"
mother=$(control $sim/sim/customers -d '{"nickname": "小满妈妈"}' | jq -r .external_userid)
says() { control "$sim/sim/chats/$account/$mother/say" -d "{\"msgtype\": \"text\", \"text\": {\"content\": \"$1\"}}" >/dev/null; }
answers() { control "$sim/sim/chats/$account/$mother" | jq '[.messages[] | select(.from != "customer")] | length'; }
answered() { [ "$(answers)" -gt "$1" ]; }
wait_for 90 "the worker knows the service account" at $in "$bin/psql" -h $inside -U postgres -Atc "select 1/count(*) from kf_account"
before=$(answers)
says "孩子抽搐了，怎么办"
wait_for 60 "an answer to the message" answered "$before"
ok "a message from the internet was answered: $(control "$sim/sim/chats/$account/$mother" | jq -r '[.messages[] | select(.from != "customer")][-1].text.content' | head -c 60)…"
[ "$(at $out curl -s -o /dev/null -w '%{http_code}' $public/h5/content/x)" = 404 ] || fail "a page"
[ "$(at $out curl -s -o /dev/null -w '%{http_code}' $public/console)" = 404 ] || fail "the console is not there"
ok "a family page comes through, the console does not"

say "as an intruder on the edge's host"
reaches() { at "$1" timeout 2 bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null; }
reaches $in $inside 5432 || fail "the inside reaches its own database"
for place in $dmz $out; do ! reaches $place $inside 5432 || fail "$place reaches PostgreSQL"; done
ok "neither the DMZ nor the internet reaches PostgreSQL on $inside:5432, which the inside does"
ports=$(at $in ss -Hltn | awk '{ sub(/.*:/, "", $4); print $4 }' | sort -nu)
for port in $ports 22 443 8443; do ! reaches $dmz $inside "$port" || fail "the DMZ reaches port $port inside"; done
ok "no port of the inside is open to the DMZ (tried: $(echo $ports 22 443 8443))"
! at $in ss -Hltn | awk '{ print $4 }' | grep -v "^127\.\|^\[::1\]\|:5432$" || fail "a role inside listens beyond its own machine"
ok "inside, the roles listen on the loopback address alone"
! reaches $dmz $wecom 8099 || fail "the DMZ dials out"
! reaches $out $edge 8443 || fail "the internet reaches the link's port"
ok "the DMZ dials nobody, and the internet does not reach the link's port"
! tr '\0' '\n' <"/proc/$pid_edge/environ" | grep -q "DATABASE\|AES_KEY\|SECRET" || fail "the edge holds a key that reads"
! grep -rqa "小满\|抽搐\|$mother" "$work/edge" "$work/edge.log" || fail "the edge keeps something of a family"
ok "the edge holds no database address, no EncodingAESKey, and nothing of the family on disk or in its log"

say "the inside goes away"
killed "$pid_edge_link"
wait_for 30 "the edge notices" lines 0
before=$(answers)
says "刚才又抽了一次"
waits() { [ "$(health | jq .waiting)" -gt 0 ]; }
wait_for 10 "the callback is kept" waits
at $out curl -s -H 'Accept: text/html' $public/h5/trends | grep -q 120 || fail "the calm page"
killed "$pid_edge"
role $dmz edge DATA_DIR="$work/edge" HOST=$edge PORT=8080 EDGE__LINK_HOST=$edge EDGE__TLS_CERT="$work/edge.crt" EDGE__TLS_KEY="$work/edge.key" \
  EDGE__KEYS="$key" EDGE__WECOM_TOKEN=SimulatorToken -- edge
wait_for 30 "the edge again, with what it kept" waits
link
wait_for 60 "an answer to the message that waited" answered "$before"
ok "the callback waited at the edge, through kill -9 of both, and was answered when the inside was back"
say "the DMZ example works."
