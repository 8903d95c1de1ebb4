import { crc32 } from 'node:zlib';

/** `META-INF/services/<interface>` names the classes of a jar that implement it. */
const SERVICE = 'META-INF/services/org.apache.kafka.connect.sink.SinkConnector';
const CONNECTOR = 'com.mongodb.kafka.connect.MongoSinkConnector';

/**
 * A jar that declares MongoDB's sink as a service, which its own does not (2.0.1): without it Connect would have to look through every class of every jar
 * at each start. A folder would do for Connect, but not for a class-data archive.
 */
export function declarationJar(): Buffer {
  const name = Buffer.from(SERVICE);
  const content = Buffer.from(`${CONNECTOR}\n`);
  // ZIP, one file, stored as it is (APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16).
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0); // Version needed.
  common.writeUInt16LE(0x21, 8); // Date: 1 January 1980.
  common.writeUInt32LE(crc32(content), 10);
  common.writeUInt32LE(content.length, 14);
  common.writeUInt32LE(content.length, 18);
  common.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([signature(0x04034b50), common, name, content]);
  const attributes = Buffer.alloc(14); // No comment, first disk, at offset 0.
  const entry = Buffer.concat([signature(0x02014b50), Buffer.from([20, 0]), common, attributes, name]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4); // Entries on this disk,
  end.writeUInt16LE(1, 6); // and in all.
  end.writeUInt32LE(entry.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, entry, signature(0x06054b50), end]);
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
