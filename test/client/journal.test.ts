import { partyIndex, sessionId } from '@tandem/rounds'
import { memoryVault } from '@tandem/client'
import { limits } from '@tandem/wire'
import { poison, recordCheck } from '../../shared/client/src/vault/journal.ts'
import { loadWallet, saveWallet, type WalletRecord } from '../../shared/client/src/vault/wallet-record.ts'

const epoch = {
  epoch: 0,
  stageId: `0x${'11'.repeat(32)}`,
  share: Uint8Array.of(1, 2),
  pairs: [{ peer: 2, setup: Uint8Array.of(3, 4, 5) }],
}
const record: WalletRecord = {
  keyId: `0x${'22'.repeat(32)}`,
  name: 'Zoë',
  profileId: null,
  address: `0x${'33'.repeat(20)}`,
  publicKey: `0x02${'44'.repeat(32)}`,
  current: epoch,
  stage: { ...epoch, epoch: 1 },
  pairs: [{ peer: 2, status: 'ACTIVE', opened: 0, passed: 0 }],
  restoring: { restoreId: 'rst_AAAAAAAAAAAAAAAAAAAAAA', reason: 'device-lost', notBefore: 1_800_000_000 },
  recoveryKeys: [`0x02${'55'.repeat(32)}`],
}
const check = (entry: 'open' | 'pass') => ({ entry, peer: partyIndex(2), run: sessionId(new Uint8Array(32).fill(9)) })

test('a wallet record survives its encoding', async () => {
  const vault = memoryVault()
  await saveWallet(vault, record)
  expect(await loadWallet(vault, record.keyId)).toEqual(record)
})

/** Written by version 1, which knew neither restores nor recovery keys. */
const VERSION_1 =
  'vwEAAHsia2V5SWQiOiIweDBhMGEwYTBhMGEwYTBhMGEwYTBhMGEwYTBhMGEwYTBhMGEwYTBhMGEwYTBhMGEwYTBhMGEwYTBhMGEwYTBhMGEiLCJuYW1lIjoiU3BhcmJ1Y2ggw6QiLCJwcm9maWxlSWQiOiJwcmZfQUFBQUFBQUFBQUFBQUFBQUFBQUFBQSIsImFkZHJlc3MiOiIweDBiMGIwYjBiMGIwYjBiMGIwYjBiMGIwYjBiMGIwYjBiMGIwYjBiMGIiLCJwdWJsaWNLZXkiOiIweDAyMGMwYzBjMGMwYzBjMGMwYzBjMGMwYzBjMGMwYzBjMGMwYzBjMGMwYzBjMGMwYzBjMGMwYzBjMGMwYzBjMGMwYyIsImN1cnJlbnQiOnsiZXBvY2giOjAsInN0YWdlSWQiOiIweDBkMGQwZDBkMGQwZDBkMGQwZDBkMGQwZDBkMGQwZDBkMGQwZDBkMGQwZDBkMGQwZDBkMGQwZDBkMGQwZDBkMGQifSwic3RhZ2UiOm51bGwsInBhaXIiOnsic3RhdHVzIjoiQUNUSVZFIiwib3BlbmVkIjo3LCJwYXNzZWQiOjZ9LCJ2IjoxfQUAAAABAQEBAQMAAAACAgI='

test('a record of version 1 still loads, and is written as version 2', async () => {
  const vault = memoryVault()
  const keyId = `0x${'0a'.repeat(32)}`
  await vault.put(`wallet/${keyId}`, Uint8Array.from(Buffer.from(VERSION_1, 'base64')))
  const old = await loadWallet(vault, keyId)
  expect(old).toEqual({
    keyId,
    name: 'Sparbuch ä',
    profileId: 'prf_AAAAAAAAAAAAAAAAAAAAAA',
    address: `0x${'0b'.repeat(20)}`,
    publicKey: `0x02${'0c'.repeat(32)}`,
    current: {
      epoch: 0,
      stageId: `0x${'0d'.repeat(32)}`,
      share: new Uint8Array(5).fill(1),
      pairs: [{ peer: 2, setup: new Uint8Array(3).fill(2) }],
    },
    stage: null,
    pairs: [{ peer: 2, status: 'ACTIVE', opened: 7, passed: 6 }],
    restoring: null,
    recoveryKeys: [],
  })
  await saveWallet(vault, old)
  expect(Buffer.from((await vault.get(`wallet/${keyId}`))!).toString()).toContain('"v":2')
  expect(await loadWallet(vault, keyId)).toEqual(old)
})

test('a record of a version to come is refused', async () => {
  const vault = memoryVault()
  await saveWallet(vault, record)
  const text = Buffer.from((await vault.get(`wallet/${record.keyId}`))!).toString('latin1')
  await vault.put(`wallet/${record.keyId}`, Uint8Array.from(Buffer.from(text.replace('"v":2', '"v":4'), 'latin1')))
  await expect(loadWallet(vault, record.keyId)).rejects.toMatchObject({ code: 'VAULT' })
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
  await poison(vault, record.keyId, [2])
  const { current, pairs } = await loadWallet(vault, record.keyId)
  expect(current?.pairs).toEqual([{ peer: 2, setup: new Uint8Array() }])
  expect(pairs).toMatchObject([{ peer: 2, status: 'POISONED' }])
  for (const entry of ['open', 'pass'] as const) {
    await expect(recordCheck(vault, record.keyId, check(entry))).rejects.toMatchObject({ code: 'WALLET_FROZEN' })
  }
})
