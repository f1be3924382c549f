/**
 * A described Feast repository → the bytes of `registry.db`, as `feast apply` and `feast materialize` leave it.
 */
import { createHash } from "node:crypto";
import { bytesField, bytesMember, message, stringField, varintField } from "../../../formats/bytes/wire-writer.js";
import { feastType } from "../../../formats/feast/feast-type.js";
import type {
  FeastEntityDescription,
  FeastRepositoryDescription,
  FeastServiceDescription,
  FeastViewDescription,
} from "./describe.js";

const FILE_SOURCE = "feast.infra.offline_stores.file_source.FileSource";

/** `feast.core.Registry`. */
export function encodeRegistry(repository: FeastRepositoryDescription): Uint8Array {
  const { project, timestamp } = repository;
  const meta = bytesMember(2, times(timestamp));
  return message(
    ...repository.entities.map(entity => bytesMember(1, message(bytesMember(1, entitySpec(entity, project)), meta))),
    // The entity of views that have none: every registry that Feast writes holds it.
    bytesMember(
      1,
      message(
        bytesMember(1, message(stringField(1, "__dummy"), stringField(4, "__dummy_id"), stringField(9, project))),
        meta,
      ),
    ),
    stringField(3, "1"),
    stringField(4, uuid(`${project} version`)),
    bytesMember(5, instant(timestamp)),
    ...repository.views.map(view => bytesMember(6, featureView(view, repository))),
    ...(repository.services ?? []).map(service => bytesMember(7, featureService(service, repository))),
    ...repository.views.map(view => bytesMember(12, dataSource(view, timestamp, project))),
    bytesMember(15, message(stringField(1, project), stringField(2, uuid(project)))),
    bytesMember(17, message(bytesMember(1, stringField(1, project)), meta)),
  );
}

const entitySpec = (entity: FeastEntityDescription, project: string): Uint8Array =>
  message(
    stringField(1, entity.name),
    varintField(2, feastType(entity.type).number),
    stringField(3, entity.description ?? ""),
    stringField(4, entity.joinKey),
    stringField(9, project),
  );

function featureView(
  view: FeastViewDescription,
  { project, timestamp, entities }: FeastRepositoryDescription,
): Uint8Array {
  const joinKeys = view.entities.map(name => entities.find(entity => entity.name === name)!);
  const spec = message(
    stringField(1, view.name),
    stringField(2, project),
    ...view.entities.map(name => stringField(3, name)),
    ...view.features.map(f =>
      bytesMember(4, message(stringField(1, f.name), varintField(2, feastType(f.type).number))),
    ),
    ...Object.entries(view.tags ?? {}).map(([key, value]) =>
      bytesMember(5, message(stringField(1, key), stringField(2, value))),
    ),
    bytesField(6, varintField(1, view.ttlSeconds ?? 0)),
    bytesMember(7, dataSource(view, timestamp)),
    varintField(8, 1),
    ...joinKeys.map(key =>
      bytesMember(12, message(stringField(1, key.joinKey), varintField(2, feastType(key.type).number))),
    ),
    stringField(18, "latest"),
  );
  const materialised = message(bytesMember(1, instant(timestamp)), bytesMember(2, instant(timestamp)));
  // 4: AVAILABLE_ONLINE.
  return message(
    bytesMember(1, spec),
    bytesMember(2, message(times(timestamp), bytesMember(3, materialised), varintField(6, 4))),
  );
}

function featureService({ name, views }: FeastServiceDescription, repository: FeastRepositoryDescription): Uint8Array {
  const projections = views.map(({ view: viewName, features, alias }) => {
    const view = repository.views.find(v => v.name === viewName)!;
    const taken = view.features.filter(f => features?.includes(f.name) ?? true);
    return message(
      stringField(1, viewName),
      ...taken.map(f => bytesMember(2, message(stringField(1, f.name), varintField(2, feastType(f.type).number)))),
      stringField(3, alias ?? ""),
      stringField(5, view.source.timestampField),
      stringField(7, view.source.createdTimestampColumn ?? ""),
    );
  });
  const spec = message(
    stringField(1, name),
    stringField(2, repository.project),
    ...projections.map(projection => bytesMember(3, projection)),
  );
  return message(bytesMember(1, spec), bytesMember(2, times(repository.timestamp)));
}

/** A view holds its source without a project, the registry's list holds it with one. */
const dataSource = ({ source }: FeastViewDescription, timestamp: number, project = ""): Uint8Array =>
  message(
    varintField(1, 1),
    stringField(3, source.timestampField),
    stringField(5, source.createdTimestampColumn ?? ""),
    bytesMember(11, stringField(2, source.path)),
    stringField(17, FILE_SOURCE),
    stringField(20, source.name),
    stringField(21, project),
    bytesMember(50, message(bytesMember(3, instant(timestamp)), bytesMember(4, instant(timestamp)))),
  );

const instant = (seconds: number): Uint8Array => varintField(1, seconds);
const times = (seconds: number): Uint8Array =>
  message(bytesMember(1, instant(seconds)), bytesMember(2, instant(seconds)));

/** A version-5-shaped UUID of a name, so that the same repository has the same bytes. */
function uuid(name: string): string {
  const bytes = createHash("sha1").update(`merlon:${name}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
