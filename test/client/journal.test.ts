import { partyIndex, sessionId } from '@tandem/rounds'
import { memoryVault } from '@tandem/client'
import { limits } from '@tandem/wire'
import { poison, recordCheck } from '../../shared/client/src/vault/journal.ts'
import { loadWallet, saveWallet, type WalletRecord } from '../../shared/client/src/vault/wallet-record.ts'

const epoch = { epoch: 0, stageId: `0x${'11'.repeat(32)}`, share: Uint8Array.of(1, 2), pair: Uint8Array.of(3, 4, 5) }
const record: WalletRecord = {
  keyId: `0x${'22'.repeat(32)}`,
  name: 'Zoë',
  profileId: null,
  address: `0x${'33'.repeat(20)}`,
  publicKey: `0x02${'44'.repeat(32)}`,
  current: epoch,
  stage: { ...epoch, epoch: 1 },
  pair: { status: 'ACTIVE', opened: 0, passed: 0 },
}
const check = (entry: 'open' | 'pass') => ({ entry, peer: partyIndex(2), run: sessionId(new Uint8Array(32).fill(9)) })

test('a wallet record survives its encoding', async () => {
  const vault = memoryVault()
  await saveWallet(vault, record)
  expect(await loadWallet(vault, record.keyId)).toEqual(record)
})

test('a damaged record is refused at every length', async () => {
  const vault = memoryVault()
  await saveWallet(vault, record)
  const bytes = (await vault.get(`wallet/${record.keyId}`))!
  for (let length = 0; length < bytes.length; length += 7) {
    await vault.put(`wallet/${record.keyId}`, bytes.slice(0, length))
    await expect(loadWallet(vault, record.keyId)).rejects.toMatchObject({ code: 'VAULT' })
  }
})

test('S22 a check that is begun and never passed keeps its slot, and the ninth is refused', async () => {
  const vault = memoryVault()
  await saveWallet(vault, record)
  for (let i = 0; i < 20; i++) {
    await recordCheck(vault, record.keyId, check('open'))
    await recordCheck(vault, record.keyId, check('pass'))
  }
  for (let i = 0; i < limits.MAX_OPEN_CHECKS; i++) await recordCheck(vault, record.keyId, check('open'))
  await expect(recordCheck(vault, record.keyId, check('open'))).rejects.toMatchObject({ code: 'WALLET_FROZEN' })
})

test('a poisoned pair is erased, and nothing opens or passes on it', async () => {
  const vault = memoryVault()
  await saveWallet(vault, record)
  await recordCheck(vault, record.keyId, check('open'))
  await poison(vault, record.keyId)
  const { current, pair } = await loadWallet(vault, record.keyId)
  expect(current?.pair).toEqual(new Uint8Array())
  expect(pair.status).toBe('POISONED')
  for (const entry of ['open', 'pass'] as const) {
    await expect(recordCheck(vault, record.keyId, check(entry))).rejects.toMatchObject({ code: 'WALLET_FROZEN' })
  }
})
