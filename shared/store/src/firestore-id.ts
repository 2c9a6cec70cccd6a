/**
 * Ids as Firestore takes them: no `/`, neither `.` nor `..`, nothing of the form `__x__`. A dot is written `.d`, a slash
 * `.s`; at the start of an id, `^` is written `^c` and `_` is written `^u`.
 *
 * Each pair follows one another in UTF-8, so the code keeps order and prefixes, and lists can work on it. What it writes
 * has at most 1500 bytes, Firestore's limit, for every id that {@link ref} lets through.
 */
export function encodeId(id: string): string {
  return id.replace(/[./]/g, (c) => (c === '.' ? '.d' : '.s')).replace(/^[\^_]/, (c) => (c === '^' ? '^c' : '^u'))
}

/** The inverse of {@link encodeId}. */
export function decodeId(text: string): string {
  return text.replace(/^\^[cu]/, (c) => (c === '^c' ? '^' : '_')).replace(/\.[ds]/g, (c) => (c === '.d' ? '.' : '/'))
}
