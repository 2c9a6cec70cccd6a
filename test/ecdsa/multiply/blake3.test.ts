import { readFileSync } from 'node:fs'
import { blake3 } from '@noble/hashes/blake3.js'
import { bytesOf } from '../../../shared/ecdsa/src/multiply/bits.ts'
import { keyed, squeeze } from '../../../shared/ecdsa/src/multiply/blake3.ts'
import { compressSource } from '../../helpers/blake3-source.ts'
import { seeded } from '../../helpers/rng.ts'

/** `blocks` · 64 bytes of output. */
function expand(key: Uint8Array, input: Uint8Array, blocks: number): Uint8Array {
  const xof = keyed(key, input.length)
  bytesOf(xof.block).set(input)
  const out = new Int32Array(16 * blocks)
  squeeze(xof, out, 0, blocks)
  return bytesOf(out)
}

test('the compression in the repository is what its generator writes', () => {
  const committed = new URL('../../../shared/ecdsa/src/multiply/blake3-compress.generated.ts', import.meta.url)
  expect(readFileSync(committed, 'utf8')).toBe(compressSource())
})

test('gives the published keyed output of BLAKE3 for the inputs of 0 and 1 bytes', () => {
  const key = Buffer.from('whats the Elvish word for friend')
  const start = (input: Uint8Array) => Buffer.from(expand(key, input, 1).subarray(0, 32)).toString('hex')

  expect(start(new Uint8Array(0))).toBe('92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26')
  expect(start(new Uint8Array(1))).toBe('6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b')
})

test('agrees with noble for every input length and several blocks of output', () => {
  const rng = seeded('blake3')
  for (let length = 0; length <= 20; length++) {
    const [key, input] = [rng(32), rng(length)]
    expect(expand(key, input, 3)).toEqual(blake3(input, { key, dkLen: 192 }))
  }
})

test('outputs packed in ascending order leave each other whole', () => {
  const key = seeded('packed')(32)
  const xof = keyed(key, 4)
  const out = new Int32Array(3 * 5 + 11)
  for (let j = 0; j < 3; j++) {
    xof.block[0] = j
    squeeze(xof, out, 5 * j, 1)
  }

  for (let j = 0; j < 3; j++) {
    const expected = blake3(Uint8Array.of(j, 0, 0, 0), { key, dkLen: 20 })
    expect(bytesOf(out.slice(5 * j, 5 * j + 5))).toEqual(expected)
  }
})
