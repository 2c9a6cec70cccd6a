import { noble } from '@tandem/ecdsa'
import { fast } from '../helpers/backends.ts'
import { keygenParties } from '../helpers/keygen.ts'
import { refreshed } from '../helpers/refresh.ts'
import { outputs, simulate } from '../helpers/simulate.ts'

// That a whole run is the same on both backends is shown by keygen.test.ts at every run.
test('noble alone makes the very same shares', async () => {
  const two = outputs(await simulate(keygenParties({ parties: 2, backend: fast })))
  expect(await refreshed(two, { backend: noble })).toEqual(await refreshed(two, { backend: fast }))
})
