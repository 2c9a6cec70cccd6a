import { ed25519 } from '@noble/curves/ed25519.js'
import { memoryVault } from '@tandem/client'
import { type AuditHead, auditHeadBytes, toHex, utf8 } from '@tandem/wire'
import { createAuditHeads } from '../../shared/client/src/audit-heads.ts'
import { seeded } from '../helpers/rng.ts'

const rng = seeded('audit heads')
const secret = rng(32)
const pinned = async () => ({ exchange: new Uint8Array(32), identity: ed25519.getPublicKey(secret) })
const KEY = toHex(rng(32))
const hash = (n: number) => `0x${n.toString(16).padStart(64, '0')}`

function head(seq: number, change: Partial<AuditHead> = {}, signer = secret): AuditHead {
  const about = { keyId: KEY, seq, hash: hash(seq), ...change }
  return { ...about, signature: toHex(ed25519.sign(auditHeadBytes(about), signer)) }
}

const rolledBack = { code: 'AUDIT_ROLLED_BACK' }

test('a chain that grows is kept, also for the next start of the app', async () => {
  const vault = memoryVault()
  const heads = createAuditHeads(vault, pinned)
  for (const seq of [1, 2, 2, 9]) await heads.check(await heads.known(), head(seq))
  const next = createAuditHeads(vault, pinned)
  expect((await next.known()).get(KEY)).toEqual(head(9))
  await expect(next.check(await next.known(), head(8))).rejects.toMatchObject(rolledBack)
})

test('an end that is shorter, or another one of the same length, is refused and changes nothing', async () => {
  const heads = createAuditHeads(memoryVault(), pinned)
  await heads.check(await heads.known(), head(5))
  for (const wrong of [head(4), head(5, { hash: hash(6) }), head(0, { hash: hash(0) })]) {
    await expect(heads.check(await heads.known(), wrong)).rejects.toMatchObject(rolledBack)
  }
  expect((await heads.known()).get(KEY)).toEqual(head(5))
})

test('answers to two requests at once may come in either order', async () => {
  const vault = memoryVault()
  const heads = createAuditHeads(vault, pinned)
  const before = await heads.known()
  await Promise.all([heads.check(before, head(7)), heads.check(before, head(6)), heads.check(before, head(8))])
  expect((await createAuditHeads(vault, pinned).known()).get(KEY)).toEqual(head(8))
  // Of the same length they must be the same all the same.
  await expect(heads.check(before, head(8, { hash: hash(9) }))).rejects.toMatchObject(rolledBack)
})

test('an end that the pinned Sigpair has not signed is refused', async () => {
  const heads = createAuditHeads(memoryVault(), pinned)
  const forged = [head(3, {}, rng(32)), { ...head(3), seq: 4 }, { ...head(3), hash: hash(9) }]
  for (const wrong of forged) {
    await expect(heads.check(await heads.known(), wrong)).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })
  }
  expect((await heads.known()).size).toBe(0)
})

test('keys do not know of each other', async () => {
  const heads = createAuditHeads(memoryVault(), pinned)
  await heads.check(await heads.known(), head(5))
  await heads.check(await heads.known(), head(1, { keyId: toHex(rng(32)) }))
  expect((await heads.known()).size).toBe(2)
})

test('a damaged entry says so', async () => {
  const vault = memoryVault()
  await vault.put(`audit/${KEY}`, utf8('{'))
  await expect(createAuditHeads(vault, pinned).known()).rejects.toMatchObject({ code: 'VAULT' })
})

test('beside a committee each member has a chain of its own, and signs its end', async () => {
  const secrets = [1, 2, 3].map((index) => seeded(`member ${index}`)(32))
  const nodes = secrets.map((one) => ({ exchange: new Uint8Array(32), identity: ed25519.getPublicKey(one) }))
  const vault = memoryVault()
  const heads = createAuditHeads(vault, async () => ({ ...nodes[0]!, committee: { threshold: 2, nodes } }))
  const by = async (index: number, seq: number) => heads.check(await heads.known(), head(seq, {}, secrets[index - 1]))
  expect(await by(1, 9)).toEqual({ known: undefined, writer: 1 })
  expect(await by(3, 4)).toEqual({ known: undefined, writer: 3 })
  expect(await by(3, 6)).toMatchObject({ known: { seq: 4 }, writer: 3 })
  await expect(by(1, 8)).rejects.toMatchObject(rolledBack)
  await expect(heads.check(await heads.known(), head(9))).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })
  for (const name of await vault.list('audit/')) expect(name.length).toBeLessThan(100)
})
