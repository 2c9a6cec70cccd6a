/** Where a field lies in a body. */
export type Field = { readonly at: number; readonly bytes: number }

/** The bodies of presigning and signing, field by field, as docs/spec/sign.md lists them. */
export const OFFER = layout({ tag: 8, commitment: 32, nb: 32, u: 2176, xTilde: 16, h: 32 })
export const REPLY = layout({
  ...{ tag: 8, echo: 32, na: 32, aTilde: 39936, eta: 32, mu: 32 },
  ...{ gammaU: 33, gammaV: 33, psi: 32, pk: 33, R: 33, salt: 32 },
})
export const FINAL = layout({ echo: 32, u: 32, w: 32 })
export const ANSWER = layout({ r: 32, s: 32, recovery: 1 })

/** One bit of a field turned over; bit 0 is the lowest of the first byte. */
export function flip(body: Uint8Array, { at, bytes }: Field, bit: number): Uint8Array {
  const place = at + (bit >>> 3)
  if (place >= at + bytes) throw new RangeError('bit outside the field')
  return body.with(place, body[place]! ^ (1 << (bit & 7)))
}

export function read(body: Uint8Array, { at, bytes }: Field): Uint8Array {
  return body.slice(at, at + bytes)
}

export function write(body: Uint8Array, { at, bytes }: Field, value: Uint8Array): Uint8Array {
  if (value.length !== bytes) throw new RangeError(`the field has ${bytes} bytes`)
  const out = body.slice()
  out.set(value, at)
  return out
}

function layout<Name extends string>(lengths: Readonly<Record<Name, number>>): Readonly<Record<Name, Field>> {
  const fields: Partial<Record<Name, Field>> = {}
  let at = 0
  for (const name of Object.keys(lengths) as Name[]) {
    fields[name] = { at, bytes: lengths[name] }
    at += lengths[name]
  }
  return fields as Record<Name, Field>
}
