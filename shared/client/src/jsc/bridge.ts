import type { Multiply } from '../host-backend.ts'
import { TO_DEVICE, type ToDevice, type ToHost } from './messages.ts'
import { pack, type Parcel, unpack } from './parcel.ts'

/** What a host puts into the bare JavaScript it runs us in. */
export type Host = {
  /** `count` bytes of the system's generator, at once */
  readonly random: (count: number) => Uint8Array
  /** takes a message of {@link ToHost}. The bytes are the host's until this returns: it copies them, they may be overwritten then */
  readonly post: (name: string, text: string, bytes: readonly Uint8Array[]) => void
  /** optional: a library of its system, faster than JavaScript */
  readonly multiply?: Multiply
}

/** How the host gives us a message of {@link ToDevice}, never from within `post`. */
export type Deliver = (name: string, text: string, bytes: readonly (Uint8Array | ArrayBuffer)[]) => void

/** The messages to which the host gives an answer. */
export type Question = {
  [Name in keyof ToHost]: ToHost[Name] extends { readonly request: number }
    ? Name extends 'cancelRequest'
      ? never
      : Name
    : never
}[keyof ToHost]

type Listeners = { readonly [Name in keyof ToDevice]?: (message: ToDevice[Name]) => void }

export type Bridge = {
  readonly post: <Name extends keyof ToHost>(name: Name, message: ToHost[Name]) => void
  /** @param onRequest hears the number under which the question can be cancelled */
  readonly ask: <Name extends Question>(
    name: Name,
    question: Omit<ToHost[Name], 'request'>,
    onRequest?: (request: number) => void,
  ) => Promise<unknown>
  readonly on: (listeners: Listeners) => void
  readonly deliver: Deliver
}

type Waiting = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }

export function createBridge(host: Host): Bridge {
  const waiting = new Map<number, Waiting>()
  let requests = 0
  const post: Bridge['post'] = (name, message) => {
    const { text, bytes } = pack(message)
    host.post(name, text, bytes)
  }
  const take = (request: number): Waiting | undefined => {
    const found = waiting.get(request)
    waiting.delete(request)
    return found
  }
  let listeners: Listeners = {
    answer: ({ request, value }) => take(request)?.resolve(value),
    refuse: ({ request, reason }) => take(request)?.reject(new HostRefusal(reason)),
  }
  return {
    post,
    ask: async (name, question, onRequest) =>
      new Promise((resolve, reject) => {
        const request = ++requests
        waiting.set(request, { resolve, reject })
        post(name, { ...question, request } as never)
        onRequest?.(request)
      }),
    on: (more) => {
      listeners = { ...listeners, ...more }
    },
    deliver: (name, text, bytes) => {
      if (!isToDevice(name)) throw new TypeError(`the host sent a message of no known name: ${name}`)
      const parcel: Parcel = { text, bytes: bytes.map((b) => (b instanceof Uint8Array ? b : new Uint8Array(b))) }
      listeners[name]?.(unpack(parcel) as never)
    },
  }
}

/** The host could not do what it was asked for; `message` is its own word for why. */
export class HostRefusal extends Error {
  override readonly name = 'HostRefusal'
}

const isToDevice = (name: string): name is keyof ToDevice => Object.hasOwn(TO_DEVICE, name)
