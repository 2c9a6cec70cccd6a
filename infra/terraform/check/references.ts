import { type Body, type Expression } from './hcl.ts'

/** A dotted name in an expression: `module.kms.share_key` as its parts. */
export type Reference = { readonly parts: readonly string[]; readonly line: number }

/** All that a body refers to, its blocks included. */
export function referencesIn(body: Body): readonly Reference[] {
  const own = [...body.attributes.values()].flatMap(referencesOf)
  return [...own, ...body.blocks.flatMap((block) => referencesIn(block.body))]
}

/** `var["x"]` and `var[0]` are not followed: what is in brackets is an expression of its own. */
export function referencesOf({ text, line }: Expression): readonly Reference[] {
  const found = withoutText(text).matchAll(/(?<![\w.\]})-])([A-Za-z_][\w-]*)((?:\[[^[\]]*\]|\.[A-Za-z_][\w-]*|\.\*)*)/g)
  return [...found].map(([, root, rest]) => ({ parts: [root!, ...partsOf(rest!)], line }))
}

/** An index ends what we know of the type only for maps of our own; for a resource it chooses an instance. */
const partsOf = (rest: string) =>
  rest
    .replaceAll(/\[[^[\]]*\]/g, '')
    .split('.')
    .filter((part) => part !== '' && part !== '*')

/** Strings with nothing in them but what is interpolated, each interpolation in parentheses. */
export function withoutText(text: string): string {
  let code = ''
  // what surrounds us: a string, or an interpolation with its open braces
  const around: { inString: boolean; braces: number }[] = [{ inString: false, braces: 0 }]
  for (const [piece] of text.matchAll(/\$\$\{|%%\{|\\[^]|[$%]\{|[^]/g)) {
    const here = around.at(-1)!
    if (here.inString) {
      if (piece === '"') {
        around.pop()
        code += '"'
      }
      if (piece === '${' || piece === '%{') {
        around.push({ inString: false, braces: 1 })
        code += '('
      }
      continue
    }
    if (piece === '"') around.push({ inString: true, braces: 0 })
    if (piece === '{') here.braces += 1
    if (piece === '}') here.braces -= 1
    if (piece === '}' && here.braces === 0 && around.length > 1) {
      around.pop()
      code += ')'
    } else code += piece
  }
  return code
}
