export { unknownAttributes } from "./cuts.ts";
export { type Membership, type MembershipOptions, membership } from "./mesh.ts";
export {
  type Access,
  type Layer,
  type LayeredReach,
  type Layers,
  layeredReach,
  type Reach,
  type ReachInput,
  reachAll,
} from "./reach.ts";
