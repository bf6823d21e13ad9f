#!/usr/bin/env bash
# debian_packages.sh FOLDER PACKAGE...: programs as Debian has them, unpacked into a folder, for tests that need them.
# Nothing is installed, no service is started, and what is there already stays. Needs no rights; ends with 1 where Debian
# cannot be reached or this is no Debian.
set -euo pipefail

into=$(realpath -m "$1")
shift
wanted=("$@")
[ ! -e "$into/.ready" ] || exit 0
rm -rf "$into"
mkdir -p "$into/packages" "$into/lists/partial" "$into/cache/archives/partial"
cd "$into/packages"

apt=(apt-get -q -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o APT::Sandbox::User=)
missing() { # what these packages need that is not on this machine
  "${apt[@]}" install -s --no-install-recommends "${wanted[@]}" 2>/dev/null | sed -n 's/^Inst \([^ ]*\).*/\1/p' || true
}
names=$(missing)
if [ -z "$names" ]; then # as in a container: apt knows no packages yet, or they are installed
  apt+=(-o "Dir::State::Lists=$into/lists" -o "Dir::Cache=$into/cache")
  "${apt[@]}" update >/dev/null
  names=$(missing)
fi
# shellcheck disable=SC2086  # names of packages, a word each
"${apt[@]}" download ${names:-"${wanted[@]}"} >/dev/null
for package in *.deb; do
  dpkg -x "$package" "$into"
done
rm -rf "$into/packages" "$into/lists" "$into/cache"
touch "$into/.ready"
