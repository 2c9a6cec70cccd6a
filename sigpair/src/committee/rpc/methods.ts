import {
  type CallerMethod,
  callerRequest,
  committeeDeletion,
  committeeKey,
  committeeSignature,
  committeeStatus,
} from '@tandem/wire'
import type { z } from 'zod'

/** One method of a node's API, as its callers see it. */
export type MethodSpec = {
  readonly summary: string
  /** by name; undefined: none */
  readonly params: z.ZodObject | undefined
  readonly result: z.ZodObject
  readonly resultName: string
}

/** Everything a node serves besides `rpc.discover`. Source: docs/spec/committee.md, 3.1. */
export const METHODS: Readonly<Record<CallerMethod | 'status', MethodSpec>> = {
  keyGen: {
    summary: 'Generates the key of this id, once; asked for again, a READY key is answered from storage.',
    params: signed('keyGen'),
    result: committeeKey,
    resultName: 'key',
  },
  keySign: {
    summary: 'Signs a transaction, a message or a digest with any t nodes that answer.',
    params: signed('keySign'),
    result: committeeSignature,
    resultName: 'signature',
  },
  keyRefresh: {
    summary: 'Gives the same members new shares of the same key.',
    params: signed('keyRefresh'),
    result: committeeKey,
    resultName: 'key',
  },
  keyReshare: {
    summary: 'Hands the key to new members with a new threshold; the old shares are refused from then on.',
    params: signed('keyReshare'),
    result: committeeKey,
    resultName: 'key',
  },
  keyDelete: {
    summary: 'Deletes the key at every node; the sealed records are erased after a grace period.',
    params: signed('keyDelete'),
    result: committeeDeletion,
    resultName: 'deletion',
  },
  status: {
    summary: 'Peers, keys, and for every running session which node it waits for, in which round, since when.',
    params: undefined,
    result: committeeStatus,
    resultName: 'status',
  },
}

/** The caller's signed request; its method is the call's. */
function signed(method: CallerMethod): z.ZodObject {
  const option = callerRequest.options.find(({ shape }) => shape.method.value === method)
  if (option === undefined) throw new TypeError(`no request of method ${method}`)
  const whole: z.ZodObject = option
  return whole.omit({ method: true })
}
