import { type AbortCode, partyIndex, ProtocolAbort } from '@tandem/rounds'

test('only the check on the long-lived Δ bans; what honest parties can cause retries', () => {
  const verdict = (code: AbortCode) => new ProtocolAbort(code, 2).verdict
  expect(verdict('BAD_OT_CHECK')).toBe('ban')
  for (const code of ['MISMATCH', 'MALFORMED', 'ECHO_MISMATCH', 'SILENT_PEER', 'CANCELLED', 'UNATTRIBUTED'] as const)
    expect(verdict(code)).toBe('retry')
  for (const code of [
    'BAD_ENCODING',
    'BAD_COMMITMENT',
    'BAD_PROOF',
    'BAD_SHARE',
    'BAD_BASE_OT',
    'BAD_PPRF',
    'BAD_GAMMA',
  ] as const)
    expect(verdict(code)).toBe('strike')
})

test('an abort says which round and who, and nothing else', () => {
  const abort = new ProtocolAbort('BAD_PROOF', 2, [partyIndex(1), partyIndex(3)])
  expect(abort.message).toBe('round 2: BAD_PROOF by party 1, 3')
  expect(abort).toMatchObject({ code: 'BAD_PROOF', round: 2, culprits: [1, 3] })
})
