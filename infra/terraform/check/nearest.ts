/** `; did you mean …?`, if there is something that somebody may have meant. */
export function nearest(word: string, known: Iterable<string>): string {
  const [best] = [...known]
    .map((name) => ({ name, far: distance(word, name) }))
    .toSorted((one, other) => one.far - other.far)
  return best !== undefined && best.far <= Math.max(2, word.length / 3) ? `; did you mean ${best.name}?` : ''
}

/** How many letters must be changed, added or left out. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (const [at, letter] of one.split('').entries()) {
    const next = [at + 1]
    for (const [to, there] of other.split('').entries()) {
      next.push(Math.min(row[to]! + (letter === there ? 0 : 1), row[to + 1]! + 1, next[to]! + 1))
    }
    row = next
  }
  return row[other.length]!
}
