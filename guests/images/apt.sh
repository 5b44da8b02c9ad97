# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $who: below
#
# Sourced by the scripts that fetch Debian packages by name: $who names the script in what it
# prints. What comes is kept in $cache.
#
# The user's apt and dpkg are only read (sources, keys, proxies): lists, cache and status are
# private directories, and hooks that apt would run after an update are cleared.

cache=${XIHV_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/xihv}
wait_for_lock=900 # seconds

say() { printf '%s: %s\n' "$who" "$*"; }
die() { printf '%s: error: %s\n' "$who" "$*" >&2; exit 1; }

# One run at a time uses the cache.
lock_cache() {
	mkdir -p "$cache"
	exec 9>"$cache/lock"
	flock -w $wait_for_lock 9 || die "another run has held $cache/lock for $wait_for_lock seconds"
}

need_debian() { # WHAT-ELSE-TO-DO
	id=unknown
	# shellcheck source=/dev/null
	[ -r /etc/os-release ] && id=$(. /etc/os-release && echo "${ID:-unknown}")
	[ "$id" = debian ] || die "this comes through apt from Debian; this system is '$id':" \
		"use Debian 12, or $1"
	for tool in apt-get apt-cache dpkg-deb; do
		command -v $tool >/dev/null || die "$tool is missing"
	done
}

# apt's private state for one architecture; $conf is used by the functions below.
apt_setup() { # ARCH
	state=$cache/apt-$1
	conf=$state/apt.conf
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
	: >"$state/status"
	cat >"$conf" <<-END
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear APT::Architectures;
		#clear Acquire::IndexTargets::deb::DEP-11;
		APT::Architecture "$1";
		APT::Architectures { "$1"; };
		APT::Sandbox::User "root";
		APT::Get::List-Cleanup "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
		Dir::State "$state";
		Dir::State::lists "$state/lists";
		Dir::State::status "$state/status";
		Dir::State::extended_states "$state/extended_states";
		Dir::Cache "$state/cache";
		Dir::Cache::archives "$state/cache/archives";
		Dir::Log "$state";
	END
}

# An index can be out of step on the mirror for a while, or a third party's source be away:
# go on with those that came.
apt_update() { # ARCH
	say "reading Debian's package lists for $1 (private copy in $state)"
	apt-get -c "$conf" -q update || say "some package lists did not come; going on with the others"
}

# The lists are read once for each architecture that is asked for after another.
apt_open() { # ARCH
	apt_setup "$1"
	[ "${updated:-}" = "$1" ] || apt_update "$1"
	updated=$1
}

newest() { # PACKAGE -> its candidate version, or nothing
	apt-cache -c "$conf" policy "$1" | sed -n 's/^  Candidate: //p' | grep -v '^(none)$' || true
}

download() { # DIRECTORY PACKAGE...
	into=$1
	shift
	say "downloading $*"
	(cd "$into" && apt-get -c "$conf" -q download "$@") ||
		die "download of $* failed: is the network there?"
}
