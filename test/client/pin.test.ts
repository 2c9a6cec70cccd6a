import { checkPin, TRUST_ON_FIRST_USE } from '../../shared/client/src/pin.ts'

const offered = { publicKey: `0x${'ab'.repeat(32)}`, identity: `0x${'cd'.repeat(32)}`, keyVersion: 1 }
const mismatch = expect.objectContaining({ code: 'PIN_MISMATCH' }) as Error

test('the pinned keys are taken, whatever the case of their digits', () => {
  const keys = checkPin(
    { publicKey: offered.publicKey.toUpperCase().replace('0X', '0x'), identity: offered.identity },
    offered,
    'https://wallet.example',
  )
  expect(keys.exchange).toEqual(new Uint8Array(32).fill(0xab))
})

test.each(['publicKey', 'identity'] as const)('a server with another %s is refused', (field) => {
  const pin = { ...offered, [field]: `0x${'00'.repeat(32)}` }
  expect(() => checkPin(pin, offered, 'https://wallet.example')).toThrow(mismatch)
})

test('trust on first use is for loopback only', () => {
  for (const url of ['http://127.0.0.1:3000', 'http://localhost:3000', 'http://[::1]:3000']) {
    expect(() => checkPin(TRUST_ON_FIRST_USE, offered, url)).not.toThrow()
  }
  for (const url of ['https://wallet.example', 'http://127.0.0.1.evil.example', 'http://localhost.evil.example:3000']) {
    expect(() => checkPin(TRUST_ON_FIRST_USE, offered, url)).toThrow(mismatch)
  }
})
