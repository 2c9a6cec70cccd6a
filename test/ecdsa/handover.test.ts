import {
  ackMessage,
  certifyHandover,
  checkCertificate,
  checkHandover,
  fateOfHandover,
  type HandoverName,
  handoverStatement,
  mayBegin,
  type MemberKey,
  owesCertificate,
  stageHandover,
} from '@tandem/ecdsa'
import { keyId, type PartyIndex, partyIndex, UsageError } from '@tandem/rounds'
import { fast } from '../helpers/backends.ts'
import { identityOf, signAs } from '../helpers/keygen.ts'
import { LE, TH } from '../helpers/reference/hash.ts'
import { seeded } from '../helpers/rng.ts'

/** Stages with something of the host's, which comes back as it was. */
type Held = HandoverName & { readonly share: string }

const held = (share: string, attempt: number): Held => ({
  ...{ attempt, share },
  stageId: new Uint8Array(32).fill(share.charCodeAt(0)),
})
const [old, one, two, three] = [held('o', 0), held('a', 1), held('b', 2), held('c', 3)]
const member: MemberKey<Held> = { current: old, stages: [], certified: old }
const stranger: MemberKey<Held> = { current: null, stages: [], certified: null }
const unchanged = (key: MemberKey<Held>, answer: string) => ({ key, erase: [], answer })

describe('a party of n', () => {
  test('goes from a run to a certificate, and erases the old share there and nothing before', () => {
    const staged = { ...member, stages: [one] }
    expect(stageHandover(member, one)).toEqual(unchanged(staged, 'staged'))
    expect(certifyHandover(staged, one)).toEqual({
      ...{ key: { current: one, stages: [], certified: one }, erase: [old], answer: 'certified' },
    })
  })

  test('joins with the first certificate of a committee it is in', () => {
    const staged = stageHandover(stranger, one).key
    expect(certifyHandover(staged, one)).toEqual({
      ...{ key: { current: one, stages: [], certified: one }, erase: [], answer: 'certified' },
    })
  })

  test('leaves with the certificate of a committee it is not in', () => {
    expect(certifyHandover(member, one)).toEqual({
      ...{ key: { current: null, stages: [], certified: one }, erase: [old], answer: 'certified' },
    })
  })

  test('keeps what is staged after the certified run, and erases what was staged before it', () => {
    const key = { ...member, stages: [one, two, three] }
    const { key: after, erase } = certifyHandover(key, { ...two })
    expect(after).toMatchObject({ current: two, stages: [three] })
    expect(erase).toEqual([old, one])
    expect(certifyHandover(after, three)).toMatchObject({ key: { current: three, stages: [] }, erase: [two] })
  })

  test('L4 is moved by no certificate of the same run again, nor of an earlier one', () => {
    const { key } = certifyHandover({ ...member, stages: [two] }, two)
    expect(certifyHandover(key, two)).toEqual(unchanged(key, 'certified'))
    expect(certifyHandover(key, one)).toEqual(unchanged(key, 'superseded'))
    const left = certifyHandover(member, two).key
    expect(certifyHandover(left, two)).toEqual(unchanged(left, 'certified'))
  })

  test('L9 stages one name once, and none that a later one has overtaken', () => {
    const staged = { ...member, stages: [two] }
    expect(stageHandover(staged, { ...two, share: 'another' })).toEqual(unchanged(staged, 'staged'))
    expect(stageHandover(staged, one)).toEqual(unchanged(staged, 'unknown'))
    const certified: MemberKey<Held> = { current: two, stages: [], certified: two }
    expect(stageHandover(certified, one)).toEqual(unchanged(certified, 'superseded'))
    expect(stageHandover(certified, two)).toEqual(unchanged(certified, 'certified'))
    expect([one, two, three].map((name) => mayBegin(certified, name))).toEqual([false, false, true])
  })

  test('two runs of one number are ordered by their stage ids, for everybody alike', () => {
    const [low, high] = [held('x', 4), held('y', 4)]
    const both = stageHandover(stageHandover(member, low).key, high).key
    expect(both.stages).toEqual([low, high])
    expect(certifyHandover(certifyHandover(both, low).key, high).key).toMatchObject({ current: high, stages: [] })
    expect(certifyHandover(certifyHandover(both, high).key, low).key).toMatchObject({ current: high, stages: [] })
  })

  test('answers with its certificate whoever speaks of a run it decides', () => {
    const certified: MemberKey<Held> = { current: null, stages: [], certified: two }
    expect([old, one, two, three].map((name) => owesCertificate(certified, name))).toEqual([true, true, true, false])
    expect(owesCertificate(stranger, one)).toBe(false)
    expect(owesCertificate(member, one)).toBe(false)
  })

  test('says what has become of a run', () => {
    const key = { current: two, stages: [three], certified: two }
    expect([one, two, three, held('d', 9)].map((name) => fateOfHandover(key, name))).toEqual([
      ...['superseded', 'certified', 'staged', 'unknown'],
    ])
    expect(fateOfHandover(stranger, one)).toBe('unknown')
  })
})

describe('a certificate', () => {
  const conf = seeded('conf')(32)
  const identities = [1, 2, 3].map(identityOf)
  const about = { protocol: 'reshare' as const, conf, identities }
  const ackOf = (person: number, index: number, of = conf) =>
    signAs(person)(ackMessage(fast, 'reshare', of, partyIndex(index)))
  const acks = [1, 2, 3].map((j) => ackOf(j, j))
  const refused = (some: readonly Uint8Array[], change = {}) => {
    expect(() => checkCertificate(fast, { ...about, ...change }, some)).toThrow(UsageError)
  }

  test('has the acknowledgement of every party', () => {
    expect(() => checkCertificate(fast, about, acks)).not.toThrow()
  })

  test('K10 L4 is none with one missing, one twice, one too many or two exchanged', () => {
    refused(acks.slice(0, 2))
    refused([])
    refused([acks[0]!, acks[1]!, acks[1]!])
    refused([...acks, acks[2]!])
    refused([acks[1]!, acks[0]!, acks[2]!])
  })

  test('K10 L4 is none with an acknowledgement of another index, identity, confirmation or protocol', () => {
    refused(acks.with(2, ackOf(3, 2)))
    refused(acks.with(2, ackOf(4, 3)))
    refused(acks.with(2, ackOf(3, 3, seeded('other')(32))))
    refused(acks, { protocol: 'refresh' })
    refused(acks, { conf: seeded('other')(32) })
    refused(acks.with(2, new Uint8Array(64)))
  })

  describe('for those who took no part', () => {
    const claim = { keyId: keyId(seeded('key')(32)), stageId: seeded('stage')(32), epoch: 0, conf }
    const next = { threshold: 2, identities }
    const receiptOf = (person: number, of = claim) => signAs(person)(handoverStatement(fast, of))
    const from = (...people: number[]) =>
      new Map(people.map((j): [PartyIndex, Uint8Array] => [partyIndex(j), receiptOf(j)]))

    test('is vouched for by t′ of the new committee', () => {
      expect(handoverStatement(fast, claim)).toEqual(TH('rs/committed', claim.keyId, claim.stageId, LE(0, 4), conf))
      expect(() => checkHandover(fast, claim, next, from(1, 3))).not.toThrow()
      expect(() => checkHandover(fast, claim, next, from(1, 2, 3))).not.toThrow()
    })

    test('L4 is not by fewer, by strangers, or for another key, stage or confirmation', () => {
      const bad = [
        from(1),
        new Map<PartyIndex, Uint8Array>(),
        from(1, 4),
        new Map([...from(1), [partyIndex(2), receiptOf(1)]]),
      ]
      for (const receipts of bad) expect(() => checkHandover(fast, claim, next, receipts)).toThrow(UsageError)
      for (const change of [
        { keyId: keyId(seeded('other')(32)) },
        { stageId: conf },
        { conf: claim.stageId },
        { epoch: 1 },
      ]) {
        expect(() => checkHandover(fast, { ...claim, ...change }, next, from(1, 2, 3))).toThrow(UsageError)
      }
    })
  })
})
