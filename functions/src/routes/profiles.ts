import {
  createProfileRequest,
  createProfileResponse,
  deleteProfileRequest,
  deleteProfileResponse,
  profileIdField,
  profileResponse,
  profilesResponse,
  renameProfileRequest,
} from '@tandem/wire'
import { z } from 'zod'
import type { Served } from '../operation.ts'
import type { Operate } from '../routes.ts'

const params = z.strictObject({ id: profileIdField })

export function profileRoutes(operate: Operate): readonly Served[] {
  return [
    operate({
      method: 'POST',
      path: '/api/v2/profiles',
      tag: 'Wallets',
      summary: 'Puts a generated key in force and names it. Repeatable: the same key answers the same profile.',
      body: createProfileRequest,
      response: createProfileResponse,
      status: 201,
      spends: { buckets: ['key'], of: ({ body }) => ({ bucket: 'key', what: body.clientShare.keyId.toLowerCase() }) },
      repeats: 'answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.createProfile(caller, body),
    }),
    operate({
      method: 'GET',
      path: '/api/v1/profiles',
      tag: 'Wallets',
      summary: 'The caller’s profiles, oldest first.',
      response: profilesResponse,
      handle: ({ caller }, { endpoints }) => endpoints.listProfiles(caller),
    }),
    operate({
      method: 'GET',
      path: '/api/v1/profiles/:id',
      tag: 'Wallets',
      summary: 'One profile, with what Sigpair says of its key right now.',
      params,
      response: profileResponse,
      handle: ({ caller, params: { id } }, { endpoints }) => endpoints.getProfile(caller, id),
    }),
    operate({
      method: 'PATCH',
      path: '/api/v1/profiles/:id',
      tag: 'Wallets',
      summary: 'Renames a profile.',
      params,
      body: renameProfileRequest,
      response: profileResponse,
      repeats: 'answer',
      handle: ({ caller, params: { id }, body }, { endpoints }) => endpoints.renameProfile(caller, id, body),
    }),
    operate({
      method: 'DELETE',
      path: '/api/v1/profiles/:id',
      tag: 'Wallets',
      summary: 'Erases the key and forgets the profile. Its id is refused for ever.',
      params,
      body: deleteProfileRequest,
      response: deleteProfileResponse,
      spends: { buckets: ['key'], of: ({ params: { id } }) => ({ bucket: 'key', what: id }) },
      repeats: 'answer',
      handle: ({ caller, params: { id }, body }, { endpoints }) => endpoints.deleteProfile(caller, id, body),
    }),
  ]
}
