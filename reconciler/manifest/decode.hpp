// decode: a checked tree -> a typed document. Reports what the table of fields cannot know.
#pragma once

#include "reconciler/manifest/documents.hpp"
#include "reconciler/manifest/references.hpp"
#include "reconciler/manifest/yaml.hpp"

namespace dps::manifest {

/// Where a document stands, and what its decoding may ask and say.
struct Decoding {
  const std::string& file;
  References& references;
  Diagnostics& diagnostics;

  Mark mark(const Node& node) const { return {file, node.at.line, node.at.column}; }
};

/// Lays in variables, checks the document against the table of its kind and adds it to `out`.
/// Values with a fault are left out.
void decode_document(Node& document, const Decoding& decoding, Documents& out);

/// Parts of it, each a file of its own. A null pointer is a key that is left out.
DesiredHub decode_hub(const Node& node, const Decoding& decoding, std::vector<Block>& blocks);
DesiredPolicy decode_policy(const Node& node, const Decoding& decoding, std::vector<Block>& blocks);
DesiredCertificate decode_certificate(const Node& node,
                                      const Decoding& decoding,
                                      std::vector<Block>& blocks);
/// What must hold once the certificate has its name: slots, rotation, content.
void finish_certificate(DesiredCertificate& certificate,
                        const Node& node,
                        const Decoding& decoding);

/// {env|file|exec}: checks that it may be used. `what` names the secret: "the key of \"ca\"".
std::optional<SecretReference> decode_secret(const Node* node, const Decoding& decoding);

LifecyclePart decode_lifecycle(const Node* node, const Decoding& decoding);
Tags decode_tags(const Node& node, const Decoding& decoding);
Sku decode_sku(const Node& node);

}  // namespace dps::manifest
