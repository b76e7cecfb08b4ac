# Puts back, newest change first, what run #run# of hcrun changed on this machine and nobody confirmed.
# The machine runs it by itself when the run is not confirmed in time, and at the next boot.
# By hand, without hcrun, also for a run that was confirmed:   sh revert.sh now
# It leaves alone whatever somebody else has changed since, and says so.
{
# Not the nonce in the arguments: what a killed one has left is swept by the next.
n=$(printf %024d $$) run='#run#' st=0 e= p= plen=0 last=
case $0 in */*) here=${0%/*};; *) here=.;; esac
here=$(cd -P "$here" && pwd -P) || exit 1
keep=${here%/undo/*}
exec 4>&1 </dev/null >/dev/null 2>&1
#files#
pay() { cat "$copy"; }

# due: the time has come. A deadline that cannot be read has passed.
due() { x=; read -r x <"$here/deadline"; read -r y z0 </proc/uptime
  case $x in ''|*[!0-9]*) return 0;; esac
  [ "${y%%.*}" -ge "$x" ]; }

# fire HOW: decides, and puts everything back under the lock of whoever else writes. Comes back when it was put off.
fire() {
  until lock "$keep"; do [ -d "$here" ] || exit 0; sleep 1; done
  [ -d "$here" ] || exit 0
  if [ ! -e "$here/decision" ]; then
    [ "$1" != wait ] || due || { unlock; return; }
    ln "$here/fired" "$here/decision"; sync "$here"
  fi
  x=; read -r x <"$here/decision"
  [ "$x" = fired ] || [ "$1" = now ] || exit 0
  [ ! -e "$here/reverted" ] || [ "$1" = now ] || exit 0
  [ "$1" != boot ] || most=20
  fence; st=0; : >"$here/.reverted"; list; result
  sync "$here/.reverted"; mv -fT "$here/.reverted" "$here/reverted"; sync "$here"
  for x in basic.target.wants/ ''; do rm -f "/etc/systemd/system/${x}hcrun-undo-$run.service"; done
  [ "$1" != now ] || { echo "Put back what run $run changed."; [ ! -s "$here/reverted" ] || { echo "Not put back:"; cat "$here/reverted"; }; } >&4
  exit 0
}
# fence: the claim of the run is nobody's any more; its runner, should it wake, can write nothing.
fence() { grep -qs -e "\"run\":\"$run\"" "$keep/claim" || return 0
  { IFS= read -r x; echo FIREDAAAAAAAAAAAAAAAAAAAAA; cat; } <"$keep/claim" >"$here/.claim" && sync "$here/.claim" && mv -fT "$here/.claim" "$keep/claim" && sync "$keep"; }
# back COPY and the words of place: tries one way to put a path back; the ways of a path follow each other, and one
# that fits is the last.
back() { copy=$here/$1 at=${2%/}/$3; shift
  [ "$at" != "$last" ] || [ $st = 77 ] || return 0
  [ "$at" = "$last" ] || result
  last=$at st=75 e= p= t= plen=0
  case $copy in */-) ;; *) plen=1;; esac
  if [ "$5" = - ] && [ ! -e "$1" ]; then st=0; else place "$@"; untemp; cd /; fi; }
# limited SECONDS COMMAND: runs a command, quoted, no longer than that; at a boot no service waits for long.
most=86400
limited() { ( exec 9>&-; cd /; umask 022; eval "exec setsid $2" ) & p=$!
  ( i=0; while sleep 1; do i=$((i+1)); [ $i -lt "$1" ] && [ $i -lt $most ] || break; done; kill -KILL -$p ) >/dev/null & q=$!
  wait $p; r=$?; kill -KILL $q; p=; return $r; }
# undo SECONDS BEFORE PROBE COMMAND NAME: runs what undoes a command, unless the probe says what it said before. At a
# boot that says nothing: what is to be started may only be waiting for its turn.
undo() { result; last=$5 st=0 e= plen=0
  if [ -n "$3" ] && [ $most != 20 ]; then
    x=$(limited 20 "$3"); r=$?; [ -n "$x" ] || [ $r = 0 ] || x="status $r"
    [ "$x" != "$2" ] || return 0
  fi
  limited "$1" "$4" || st=75 e="it ended with status $?"; }
# result: what came of the path before is on record.
result() { [ -n "$last" ] && [ $st != 0 ] || return 0
  case $st in 77) e="somebody has changed it";; 78) e="others have filled it";; esac
  printf '%s\n' "$(clean "$last: $e")" >>"$here/.reverted"; }
list() { :
#list#
}

case ${1-} in
wait)
  echo $$ >"$here/.waits" && mv -fT "$here/.waits" "$here/waits"
  while [ -d "$here" ]; do
    { [ -e "$here/decision" ] || due; } && fire wait
    sleep 1
  done;;
boot)
  x= y=; read -r x <"$here/boot"; read -r y </proc/sys/kernel/random/boot_id
  [ "$x" = "$y" ] || fire boot;;
now) fire now;;
sweep) undo() { :; }; back() { [ "$2" = "$last" ] || { last=$2; enter "$2" && sweep; }; }; list;; # for a worker, which has the lock
*) echo "sh $0 now: puts back what run $run changed" >&4; exit 2;;
esac
exit 0
}
