import type { NodeName } from '../network.ts'
import type { Ready } from './messages.ts'

/**
 * Who signs: t members that are ready, every two of whom say that their pair is ACTIVE. The first of the order it is asked in,
 * ourselves before all others, since we need no network to reach us.
 *
 * @returns ascending by index, or undefined if there are no such t
 */
export function chooseQuorum(
  members: readonly NodeName[],
  threshold: number,
  ready: ReadonlyMap<NodeName, Pick<Ready, 'pairs'>>,
  first: NodeName,
): NodeName[] | undefined {
  const works = (a: NodeName, b: NodeName) =>
    ready.get(a)?.pairs?.includes(b) === true && ready.get(b)?.pairs?.includes(a) === true
  const found = clique([first, ...ready.keys()].filter(isFirst), [])
  return found && members.filter((name) => found.includes(name))

  function clique(candidates: readonly NodeName[], chosen: readonly NodeName[]): readonly NodeName[] | undefined {
    if (chosen.length === threshold) return chosen
    if (chosen.length + candidates.length < threshold) return undefined
    const [next, ...rest] = candidates
    if (next === undefined) return undefined
    const fitting = ready.has(next) ? rest.filter((name) => works(next, name)) : []
    return (ready.has(next) ? clique(fitting, [...chosen, next]) : undefined) ?? clique(rest, chosen)
  }
}

function isFirst(name: NodeName, at: number, names: readonly NodeName[]): boolean {
  return names.indexOf(name) === at
}
