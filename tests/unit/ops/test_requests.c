#include "unit/ops/fixture.h"
int main(void)
{
	return 0;
}
