/**
 * What is valid and still not what was meant: manifests and plan in, problems out. One class a rule, one page a rule in
 * docs/rules. Never decides whether a manifest is valid.
 */
@NullMarked
package dev.holdfast.doctor.lint;

import org.jspecify.annotations.NullMarked;
