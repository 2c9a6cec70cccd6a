import { hashOf, readArtefacts, SOURCES, sourceOf } from './artefacts.ts'

test('the committed bytecode was made of the committed sources', () => {
  const { sources } = readArtefacts()
  const now = Object.fromEntries(SOURCES.map((name) => [name, hashOf(sourceOf(name))]))
  expect(sources).toEqual(now) // else: README.md says how to compile again
})

test('every contract has bytecode, by the compiler the sources ask for', () => {
  const { compiler, contracts } = readArtefacts()
  expect(compiler).toMatch(/^0\.8\.30\+commit\.[0-9a-f]{8}\./)
  expect(Object.keys(contracts).toSorted()).toEqual(['Pair', 'Router', 'Token'])
  for (const bytecode of Object.values(contracts)) expect(bytecode).toMatch(/^0x([0-9a-f]{2}){100,}$/)
})
