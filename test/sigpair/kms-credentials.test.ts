import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'

test('without credentials KMS is UNAVAILABLE at every call, within its time, and the process lives', () => {
  const script = `
    import { createKms } from '@tandem/sigpair'
    const kms = createKms({ keyName: 'projects/p/locations/global/keyRings/r/cryptoKeys/k' })
    const codeOf = async (work) => work.then(() => 'done', ({ code }) => code)
    const codes = [await codeOf(kms.wrap(new Uint8Array(32), new Uint8Array(1))), await codeOf(kms.publicKey('v'))]
    await new Promise((done) => setTimeout(done, 50))
    await kms.close()
    console.log(JSON.stringify(codes))`
  const cwd = resolve(import.meta.dirname, '../../sigpair')
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', METADATA_SERVER_DETECTION: 'none' }
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd, env, encoding: 'utf8' })
  expect(JSON.parse(said)).toEqual(['UNAVAILABLE', 'UNAVAILABLE'])
})
