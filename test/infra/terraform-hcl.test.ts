import { type Body, readHcl } from '../../infra/terraform/check/hcl.ts'
import { nearest } from '../../infra/terraform/check/nearest.ts'
import { referencesIn, withoutText } from '../../infra/terraform/check/references.ts'

const read = (text: string) => readHcl('x.tf', text)

const plain = ({ attributes, blocks }: Body): unknown => ({
  ...Object.fromEntries([...attributes].map(([name, { text }]) => [name, text])),
  ...Object.fromEntries(blocks.map(({ type, labels, body }) => [[type, ...labels].join(' '), plain(body)])),
})

const names = (text: string) => referencesIn(read(text)).map(({ parts }) => parts.join('.'))

test('blocks, labels and attributes are read', () => {
  const text =
    'resource "a" "b" {\n  one = 1\n  two {\n    three = [\n      1, # comment }\n      2,\n    ]\n  }\n  four {}\n}\n'
  expect(plain(read(text))).toEqual({
    'resource a b': { one: '1', two: { three: '[\n      1, \n      2,\n    ]' }, four: {} },
  })
})

test('brackets and quotes in texts and comments do not count', () => {
  expect(plain(read('a = "}{ \\" ${b["}"]} $${" # }\n/* } */ c = 1 // }\n'))).toEqual({
    a: '"}{ \\" ${b["}"]} $${"',
    c: '1',
  })
})

test('a heredoc is one text', () => {
  expect(plain(read('a = <<-END\n  b = {\n  END\nc = 1\n'))).toEqual({ a: '<<-END\n  b = {\n  END', c: '1' })
})

test.each([
  ['a block that does not end', 'a {\n', 'x.tf:2: the block of line 1 does not end'],
  ['a bracket that does not close', 'a = [\n', 'x.tf:2: a bracket does not close'],
  ['a text that does not end', 'a = "b\n', 'x.tf:1: a string does not end'],
  ['a brace too many', 'a = 1\n}\n', 'x.tf:2: unexpected }'],
  ['an attribute that is set twice', 'a = 1\na = 2\n', 'x.tf:2: a is set twice'],
  ['what is no name', '= 1\n', 'x.tf:1: expected a name'],
])('%s is refused', (_, text, message) => {
  expect(() => read(text)).toThrow(new SyntaxError(message))
})

test('references are found in texts and brackets, and not in words', () => {
  expect(names('a = "var.no ${var.yes["x"]} ${{ for k in local.all : k => "${module.m.out}" }}"\n')).toEqual(
    expect.arrayContaining(['var.yes', 'local.all', 'module.m.out']),
  )
  expect(withoutText('"var.no ${var.yes} $${var.no}"')).toBe('"(var.yes)"')
})

test('an instance of a resource is the resource', () => {
  expect(names('a = google_x.b[each.key].id\nb = google_y.c[0].d\ne = google_z.f[*].g\n')).toEqual(
    expect.arrayContaining(['google_x.b.id', 'google_y.c.d', 'google_z.f.g']),
  )
})

test('what lies far off is not suggested', () => {
  expect(nearest('valu', ['value', 'name'])).toBe('; did you mean value?')
  expect(nearest('entirely', ['value', 'name'])).toBe('')
})
