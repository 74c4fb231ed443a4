#!/bin/bash
# Sees to it that the Debian packages a target needs are installed, and says what it does.
#   install-packages.sh build   what `make` and `make install` need
#   install-packages.sh all     and what the tests, the demo and lint need
#   install-packages.sh fuzz    and clang with libFuzzer
# Nothing to do: silent and fast. OBJECTOS_PACKAGES=skip: does nothing at all.
set -euo pipefail

[ "${OBJECTOS_PACKAGES:-}" = skip ] && exit 0
PG_VERSION=${PG_VERSION:-15}
packages=(g++ pkg-config libpq-dev libsqlite3-dev libssl-dev rapidjson-dev libzstd-dev)
server_packages=("postgresql-$PG_VERSION" "postgresql-server-dev-$PG_VERSION")
[ "${1:-all}" != fuzz ] || packages+=(clang libclang-rt-dev)
if [ "${1:-all}" = all ]; then
  packages+=(doctest-dev sqlite3 clang-format iso-codes jq pgbouncer procps python3)
fi

# An own PostgreSQL named by PG_CONFIG, with its PGXS, needs no packaged one.
if [ -z "${PG_CONFIG:-}" ] || ! [ -e "$("$PG_CONFIG" --pgxs 2>/dev/null || true)" ]; then
  packages+=("${server_packages[@]}")
fi

if ! command -v dpkg-query >/dev/null; then
  for tool in g++ pkg-config "${PG_CONFIG:-pg_config}"; do
    command -v "$tool" >/dev/null && continue
    echo "install-packages: this is not Debian; please install what provides these:" >&2
    echo "  ${packages[*]}" >&2
    exit 1
  done
  exit 0
fi

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
  sed -n 's/^installed //p' || true)
missing=()
for package in "${packages[@]}"; do
  grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "install-packages: apt-get install ${missing[*]}" >&2
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "install-packages: not root and no sudo; install these first: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

# Debian makes and starts a cluster "main" when it installs a server. We need none. Only where
# postgresql-common has never been configured is that switched off; anything that is there stays.
config=/etc/postgresql-common/createcluster.conf
if [[ " ${missing[*]} " == *" postgresql-$PG_VERSION "* ]] && [ ! -e "$config" ]; then
  echo "install-packages: create_main_cluster = false in $config (no system cluster is made)" >&2
  "${as_root[@]}" mkdir -p "$(dirname "$config")"
  printf '%s\n' "# written before PostgreSQL's packages were installed: no cluster by itself" \
    "create_main_cluster = false" | "${as_root[@]}" tee "$config" >/dev/null
fi

apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get)
install=("${apt[@]}" install -y -q --no-install-recommends
  -o Dpkg::Options::=--force-confold "${missing[@]}")
"${install[@]}" >&2 || { "${apt[@]}" update -q >&2 && "${install[@]}" >&2; }
