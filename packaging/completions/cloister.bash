# SPDX-License-Identifier: Apache-2.0
# Completion for bash. Commands and options are those that --help lists.

_cloister_options()
{
    "$1" "${@:2}" --help 2>/dev/null | sed -nE 's/^  (-., )?(--[a-z-]+).*/\2/p'
}

_cloister_commands()
{
    "$1" --help 2>/dev/null | sed -nE '/^commands:/,/^$/s/^  ([a-z]+) .*/\1/p'
}

# Names of containers in the state directory that the line names.
_cloister_containers()
{
    local i root=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        [ "${COMP_WORDS[i]}" = --root ] && root=(--root "${COMP_WORDS[i + 1]}")
    done
    "$1" "${root[@]}" list -q 2>/dev/null
}

# The same for kept sandboxes.
_cloister_kept()
{
    local i store=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        [ "${COMP_WORDS[i]}" = --store ] && store=(--store "${COMP_WORDS[i + 1]}")
    done
    "$1" "${store[@]}" kept -q 2>/dev/null
}

_cloister()
{
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local i command=
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --root | --log | --log-format | --sentry | --rootless | --store) i=$((i + 1)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    case $before in
    --root | --bundle | -b | --cwd | --store)
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return
        ;;
    --log | --pid-file | --sentry | --process | --resources | --volume | -v)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --log-format)
        mapfile -t COMPREPLY < <(compgen -W "text json" -- "$word")
        return
        ;;
    --format | -f)
        [ "$command" = delete ] || mapfile -t COMPREPLY < <(compgen -W "table json" -- "$word")
        [ "$command" = delete ] || return
        ;;
    --keep)
        mapfile -t COMPREPLY < <(compgen -W "$(_cloister_kept "$program")" -- "$word")
        return
        ;;
    --network)
        mapfile -t COMPREPLY < <(compgen -W "none host sandbox" -- "$word")
        return
        ;;
    esac
    if [ -z "$command" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_cloister_options "$program") $(_cloister_commands "$program")" -- "$word")
        return
    fi
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_cloister_options "$program" "$command")" -- "$word")
        return
    fi
    case $command in
    start | exec | events | update | pause | resume | state | kill | delete | ps | posture)
        mapfile -t COMPREPLY < <(compgen -W "$(_cloister_containers "$program")" -- "$word")
        ;;
    diff | commit | discard)
        mapfile -t COMPREPLY < <(compgen -W "$(_cloister_kept "$program")" -- "$word")
        ;;
    help)
        mapfile -t COMPREPLY < <(compgen -W "$(_cloister_commands "$program")" -- "$word")
        ;;
    do)
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
        ;;
    esac
}

complete -F _cloister cloister
