import { randomBytes } from 'node:crypto'

const COUNT = 10
const CHARACTERS = 16

/** Crockford's base 32: nothing that reads like something else. 32 characters, so that each byte gives five fair bits. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Ten codes of 80 bits, `XXXX-XXXX-XXXX-XXXX`. */
export function newRecoveryCodes(): readonly string[] {
  return Array.from({ length: COUNT }, newCode)
}

function newCode(): string {
  const characters = Array.from(randomBytes(CHARACTERS), (byte) => ALPHABET[byte & 31]).join('')
  return characters.match(/.{4}/g)!.join('-')
}
