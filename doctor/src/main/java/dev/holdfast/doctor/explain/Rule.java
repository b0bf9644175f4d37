package dev.holdfast.doctor.explain;

import java.util.List;

/** Looks at the readings and says what it recognises. */
interface Rule {
    List<Finding> findings(Case seen);
}
