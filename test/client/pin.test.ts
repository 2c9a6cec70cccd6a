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

describe('behind a gateway', () => {
  const node = (digit: string) => ({ publicKey: `0x${digit.repeat(64)}`, identity: `0x${`${digit}f`.repeat(32)}` })
  const nodes = ['1', '2', '3'].map(node)
  const committee = { threshold: 2, nodes }
  const behind = { ...nodes[0]!, keyVersion: 1, committee }
  const pin = { ...nodes[0]!, committee }

  test('all members are pinned, in order, and how many of them sign', () => {
    const keys = checkPin(pin, behind, 'https://wallet.example')
    expect(keys.committee?.nodes.map(({ exchange }) => exchange[0])).toEqual([0x11, 0x22, 0x33])
    const others = [
      { ...behind, committee: { ...committee, nodes: [nodes[0]!, nodes[2]!, nodes[1]!] } },
      { ...behind, committee: { ...committee, nodes: nodes.slice(0, 2) } },
      { ...behind, committee: { ...committee, nodes: [...nodes, node('4')] } },
      { ...behind, committee: { ...committee, threshold: 3 } },
      {
        ...behind,
        committee: { ...committee, nodes: [...nodes.slice(0, 2), { ...nodes[2]!, identity: node('4').identity }] },
      },
      { ...nodes[0]!, keyVersion: 1 },
    ]
    for (const other of others) expect(() => checkPin(pin, other, 'https://wallet.example')).toThrow(mismatch)
    expect(() => checkPin(nodes[0]!, behind, 'https://wallet.example')).toThrow(mismatch)
  })

  test('one member under two indices is no committee, and no more sign than there are', () => {
    const bad = [
      { ...committee, nodes: [nodes[0]!, nodes[1]!, nodes[0]!] },
      { ...committee, nodes: [nodes[0]!, { ...nodes[1]!, identity: nodes[0]!.identity }] },
      { ...committee, threshold: 4 },
    ]
    for (const committee of bad) {
      expect(() => checkPin(TRUST_ON_FIRST_USE, { ...behind, committee }, 'http://127.0.0.1')).toThrow(mismatch)
    }
  })
})
