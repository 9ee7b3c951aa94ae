import { blankPod } from "./clients.ts";
import { type Backend, planeOf, serverMode } from "./server-mode.ts";
import { type MeshPort, type MeshService, podsBehind, targetPort, type World } from "./world.ts";

/**
 * What stands behind a port: every pod, or where none was given, a pod as the Service's selector describes it. Nothing for
 * services whose endpoints are not known by labels: there is nothing to compare a client's mode with.
 */
export function backendsOf(world: World, service: MeshService, port: MeshPort): readonly Backend[] {
  const known = asked.get(port) ?? find(world, service, port);
  asked.set(port, known);
  return known;
}

/** Every client asks for the same; a port object is of one world. */
const asked = new WeakMap<MeshPort, readonly Backend[]>();

function find(world: World, service: MeshService, port: MeshPort): readonly Backend[] {
  const pods = podsBehind(world, service);
  if (pods.length > 0) {
    return pods.flatMap((pod) => {
      const number = targetPort(port, pod);
      return number === undefined ? [] : [serverMode(world, pod, number)];
    });
  }
  const { selector, namespace, name } = service;
  if (service.external && selector === undefined) {
    return [{ name: service.host, labels: {}, port: port.number, mode: "external", policy: undefined }];
  }
  if (selector === undefined || typeof port.target === "string") return [];
  const imagined = blankPod(namespace, name, selector);
  // A namespace that is not in the mesh as a whole may still have pods that are.
  if (planeOf(world, imagined) === "none") return [];
  return [serverMode(world, imagined, port.target)];
}
