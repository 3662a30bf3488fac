#!/bin/sh
# Makes redis:7-local, node:20-local and, where it is installed, haproxy:local out of this machine's own programs, for
# machines that run Docker but reach no image registry. Each holds the program, the libraries it loads and a small shell
# userland, nothing else.
#
#   sh scripts/local-images.sh
#   REDIS_IMAGE=redis:7-local TESTCONTAINERS_RYUK_DISABLED=true npm test    (testcontainers' reaper is an image, too)
set -eu

shell_tools="sh cat ls cp mv rm mkdir rmdir ln chmod chown touch head tail sort uniq cut tr wc tee stat readlink dirname
  basename mktemp env id date sleep timeout kill true false test printf echo seq grep sed awk find xargs flock setsid uname hostname"

root=""
cleanup() { [ -z "$root" ] || rm -rf "$root"; }
trap cleanup EXIT

# Starts an empty file system in $root that has the shell tools.
new_root() {
  cleanup
  root=$(mktemp -d)
  mkdir -p "$root/bin" "$root/usr" "$root/etc" "$root/data" "$root/root" "$root/proc" "$root/dev"
  mkdir -m 1777 "$root/tmp"
  ln -s ../bin "$root/usr/bin" # scripts begin with #!/usr/bin/env
  printf 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/tmp:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnode:x:1000:\n' >"$root/etc/group"
  for tool in $shell_tools; do add_program "$tool"; done
}

# Copies a program by its plain name, with the libraries ldd lists, each to its own place.
add_program() {
  program=$(command -v "$1") || { echo "local-images: $1 is not installed here; install it first" >&2; exit 1; }
  case "$program" in
    /*) cp -L "$program" "$root/bin/$1" ;;
    *) program=/bin/$1 && cp -L "$program" "$root/bin/$1" ;; # a shell builtin: the program beside it
  esac
  ldd "$program" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
    [ -e "$root$library" ] || { mkdir -p "$root$(dirname "$library")" && cp -L "$library" "$root$library"; }
  done
}

import_root() {
  name=$1
  shift
  tar -C "$root" -cf - . | docker import "$@" - "$name" >/dev/null
  echo "made $name"
}

# --- redis:7-local: like the official image, options alone mean "redis-server with these options".
new_root
add_program redis-server
add_program redis-cli
[ "$(id -u)" != 0 ] || chown 999:1000 "$root/data" # the official images' redis user; whoever makes a volume of it can write
cat >"$root/bin/docker-entrypoint.sh" <<'ENTRYPOINT'
#!/bin/sh
case "${1:-}" in -* | *.conf) set -- redis-server "$@" ;; esac
[ "${1:-}" != redis-server ] || set -- "$@" --protected-mode no # published ports arrive from outside the container
exec "$@"
ENTRYPOINT
chmod +x "$root/bin/docker-entrypoint.sh"
import_root redis:7-local --change 'ENTRYPOINT ["docker-entrypoint.sh"]' --change 'CMD ["redis-server"]' \
  --change 'WORKDIR /data' --change 'EXPOSE 6379' --change 'ENV PATH=/bin'

# --- node:20-local: node with npm and npx.
new_root
add_program node
npm_package=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
mkdir -p "$root/lib/node_modules"
cp -R "$npm_package" "$root/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/bin/npx"
# What prebuilt binaries from npm load beyond that: the small libraries beside libc.
for library in librt.so.1 libpthread.so.0 libdl.so.2 libm.so.6; do
  found=$(ldconfig -p | awk -v name="$library" '$1 == name { print $NF; exit }')
  [ -z "$found" ] || [ -e "$root$found" ] || { mkdir -p "$root$(dirname "$found")" && cp -L "$found" "$root$found"; }
done
# The image trusts whom the machine trusts, for an `npm install` in it.
[ ! -e /etc/ssl/certs/ca-certificates.crt ] || {
  mkdir -p "$root/etc/ssl/certs"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
}
import_root node:20-local --change 'CMD ["node"]' --change 'ENV PATH=/bin' \
  --change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt'

# --- haproxy:local: the load balancer of docker-compose.yml.
if command -v haproxy >/dev/null; then
  new_root
  add_program haproxy
  add_program wget # for the health check; the official Alpine image has BusyBox's
  import_root haproxy:local --change 'CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]' --change 'ENV PATH=/bin'
fi
