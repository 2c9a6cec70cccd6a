import { createTandemClient, memoryVault, TRUST_ON_FIRST_USE } from '@tandem/client'
import { APP_ID, makeAppKey, makeIssuer, makeRoot } from '../functions/app-attest-authority.ts'
import { startWorld } from '../functions/world.ts'

test('an app attests its device once and asserts from then on, and another device of the user attests for itself', async () => {
  const root = await makeRoot()
  const issuer = await makeIssuer(root)
  const rules = { appIds: [APP_ID], environment: 'production' as const, root: root.certificate.toString('pem') }
  const world = await startWorld('http://127.0.0.1:1', { appAttest: { ...rules, required: true } })
  const asked: string[] = []
  const phone = async () => {
    const { keyId, attest, assert } = await makeAppKey(issuer)
    const token = async () => world.issuer.tokenOf('ada')
    const client = createTandemClient({ baseUrl: world.url, token, vault: memoryVault(), pin: TRUST_ON_FIRST_USE })
    const provider = {
      keyId,
      attest: async (hash: Uint8Array) => {
        asked.push('attest')
        return attest(hash)
      },
      assert: async (hash: Uint8Array) => {
        asked.push('assert')
        return assert(hash)
      },
    }
    return { client, attestDevice: () => client.attestDevice(provider) }
  }
  const [mine, second] = [await phone(), await phone()]
  await expect(mine.client.createWallet('Savings')).rejects.toMatchObject({
    code: 'FORBIDDEN',
    details: 'device not attested',
  })
  const { attestedUntil } = await mine.attestDevice()
  expect((await mine.attestDevice()).attestedUntil).toBeGreaterThanOrEqual(attestedUntil)
  expect(asked).toEqual(['attest', 'assert'])
  await second.attestDevice()
  expect(asked).toEqual(['attest', 'assert', 'attest'])
  await Promise.all([mine.client.close(), second.client.close()])
  await world.close()
})
