import { internalRoutes } from '../../sigpair/src/internal/internal-http.ts'
import { maintenanceRoutes } from '../../sigpair/src/internal/maintenance-routes.ts'
import { OWN_CALLS, RULES } from '../../sigpair/src/gateway/rules.ts'

/** Enough to write routes down; none is run. */
const nothing = new Proxy({}, { get: () => new Uint8Array(32) })
const deps = { stores: {}, callers: {}, identity: { exchange: nothing, identity: nothing } }
const namesOf = (routes: ReturnType<typeof internalRoutes>) => routes.map(({ method, path }) => `${method} ${path}`)
const maintenance = maintenanceRoutes(deps as never)

test('every internal route of a Sigpair has its rule, and no rule is without its route', () => {
  const pair = namesOf([...internalRoutes(deps as never), ...maintenance])
  expect(Object.keys(RULES).toSorted()).toEqual(pair.toSorted())
})

test('what a member serves besides is the gateway’s own', () => {
  const member = namesOf([...internalRoutes({ ...deps, asMember: { member: { self: 1 } } } as never), ...maintenance])
  expect(member.toSorted()).toEqual([...Object.keys(RULES), ...OWN_CALLS].toSorted())
})
