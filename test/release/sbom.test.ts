import { normalise } from '../../infra/release/sbom.ts'

const made = (at: string, order: 'one way' | 'the other') => {
  const a = { 'bom-ref': 'a@1', hashes: [{ alg: 'SHA-512', content: 'aa' }], properties: [{ name: 'path', value: at }] }
  const b = { 'bom-ref': 'b@1', externalReferences: [{ type: 'website', url: 'https://b.example' }] }
  const fromHere = { type: 'distribution', url: `https://${at}.example/b.tgz` }
  const withSource = { ...b, externalReferences: [fromHere, ...b.externalReferences] }
  return {
    bomFormat: 'CycloneDX',
    serialNumber: `urn:uuid:${at}`,
    metadata: { timestamp: at, tools: [{ name: at }], component: { name: at, version: '0.1.0' } },
    components: order === 'one way' ? [a, withSource] : [withSource, a],
  }
}

test('the same packages give the same document, wherever and whenever it is made', () => {
  const here = JSON.stringify(normalise(made('here', 'one way'), 'tandem'))
  expect(JSON.stringify(normalise(made('elsewhere', 'the other'), 'tandem'))).toBe(here)
  expect(here).not.toMatch(/here/)
})

test('what identifies a package stays: version, hash, home page', () => {
  const { components } = normalise(made('here', 'one way'), 'tandem')
  expect(components).toEqual([
    { 'bom-ref': 'a@1', hashes: [{ alg: 'SHA-512', content: 'aa' }] },
    { 'bom-ref': 'b@1', externalReferences: [{ type: 'website', url: 'https://b.example' }] },
  ])
})
