/** An attribute's right side, as it is written, without comments. */
export type Expression = { readonly text: string; readonly line: number }

export type Body = {
  readonly attributes: ReadonlyMap<string, Expression>
  readonly blocks: readonly Block[]
}

export type Block = {
  readonly type: string
  readonly labels: readonly string[]
  readonly line: number
  readonly body: Body
}

/** Where the reader is. */
type Cursor = { readonly file: string; readonly text: string; at: number }

/**
 * Reads what `terraform fmt` has accepted: which blocks and attributes there are. Expressions stay text.
 *
 * @throws {SyntaxError} naming file and line, for what is no such file
 *
 * Source: docs/decisions/0018-terraform-is-checked-offline.md.
 */
export function readHcl(file: string, text: string): Body {
  const cursor = { file, text, at: 0 }
  const body = readBody(cursor)
  if (cursor.at < text.length) throw fault(cursor, 'unexpected }')
  return body
}

function readBody(cursor: Cursor): Body {
  const attributes = new Map<string, Expression>()
  const blocks: Block[] = []
  for (skipSpace(cursor); cursor.at < cursor.text.length && !looksAt(cursor, '}'); skipSpace(cursor)) {
    const line = lineOf(cursor)
    const name = take(cursor, /[A-Za-z_][\w-]*/y, 'a name')
    skipInline(cursor)
    if (looksAt(cursor, '=')) {
      if (attributes.has(name)) throw fault(cursor, `${name} is set twice`)
      cursor.at += 1
      attributes.set(name, { text: readExpression(cursor), line })
    } else blocks.push(readBlock(cursor, name, line))
  }
  return { attributes, blocks }
}

function readBlock(cursor: Cursor, type: string, line: number): Block {
  const labels: string[] = []
  while (!looksAt(cursor, '{')) {
    labels.push(take(cursor, /"[^"\n]*"|[A-Za-z_][\w-]*/y, 'a label or {').replaceAll('"', ''))
    skipInline(cursor)
  }
  cursor.at += 1
  const body = readBody(cursor)
  if (!looksAt(cursor, '}')) throw fault(cursor, `the block of line ${line} does not end`)
  cursor.at += 1
  return { type, labels, line, body }
}

/** To the end of the line, or to the } that closes a block of one line, outside brackets and strings. */
function readExpression(cursor: Cursor): string {
  let depth = 0
  let text = ''
  while (cursor.at < cursor.text.length) {
    if (depth === 0 && (looksAt(cursor, '\n') || looksAt(cursor, '}'))) break
    const piece = readPiece(cursor)
    if (/^[([{]$/.test(piece)) depth += 1
    if (/^[)\]}]$/.test(piece)) depth -= 1
    text += piece
  }
  if (depth !== 0) throw fault(cursor, 'a bracket does not close')
  return text.trim()
}

/** A comment (as nothing), a string, a heredoc or one character. */
function readPiece(cursor: Cursor): string {
  if (match(cursor, /#.*|\/\/.*|\/\*[^]*?\*\//y) !== undefined) return ''
  if (looksAt(cursor, '"')) return readString(cursor)
  const opening = match(cursor, /<<-?([A-Za-z_]\w*)\n/y)
  if (opening === undefined) return match(cursor, /[^]/y) ?? ''
  const word = opening.replace(/^<<-?|\n$/g, '')
  const body = match(cursor, new RegExp(`[^]*?\\n[ \\t]*${word}(?=\\n)`, 'y'))
  if (body === undefined) throw fault(cursor, `the heredoc ${word} does not end`)
  return opening + body
}

/** With its quotes, and what is interpolated into it. */
function readString(cursor: Cursor): string {
  let text = take(cursor, /"/y, '"')
  while (!looksAt(cursor, '"')) {
    const piece = match(cursor, /\$\$\{|%%\{|\\[^]|[$%]\{|[^"\n]/y)
    if (piece === undefined) throw fault(cursor, 'a string does not end')
    text += piece
    if (piece === '${' || piece === '%{') text += readInterpolation(cursor)
  }
  cursor.at += 1
  return `${text}"`
}

function readInterpolation(cursor: Cursor): string {
  let text = ''
  for (let depth = 1; depth > 0; ) {
    const piece = readPiece(cursor)
    if (piece === '' && cursor.at >= cursor.text.length) throw fault(cursor, 'an interpolation does not end')
    if (piece === '{') depth += 1
    if (piece === '}') depth -= 1
    text += piece
  }
  return text
}

function skipSpace(cursor: Cursor): void {
  match(cursor, /(?:\s|#.*|\/\/.*|\/\*[^]*?\*\/)*/y)
}

function skipInline(cursor: Cursor): void {
  match(cursor, /[ \t]*/y)
}

const looksAt = ({ text, at }: Cursor, what: string) => text.startsWith(what, at)

function match(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at
  const found = pattern.exec(cursor.text)?.[0]
  if (found !== undefined) cursor.at += found.length
  return found
}

function take(cursor: Cursor, pattern: RegExp, what: string): string {
  const found = match(cursor, pattern)
  if (found === undefined) throw fault(cursor, `expected ${what}`)
  return found
}

const lineOf = ({ text, at }: Cursor) => text.slice(0, at).split('\n').length

const fault = (cursor: Cursor, what: string) => new SyntaxError(`${cursor.file}:${lineOf(cursor)}: ${what}`)
